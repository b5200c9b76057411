#include "store/paths.hpp"

#include "base/hash.hpp"

#include <algorithm>
#include <charconv>

namespace tasker::store {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view journal_suffix = ".journal";
constexpr std::string_view fold_rank = "fold";

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

fs::path directory_of(const fs::path& file) { return file.string() + ".mpi"; }
fs::path manifest_path(const fs::path& directory) { return directory / "manifest.json"; }
fs::path hold_path(const fs::path& directory) { return directory / "hold.json"; }
fs::path unfinished_archive_path(const fs::path& directory) { return directory / "archive.unfinished"; }

std::string JournalName::to_string() const {
  std::string number = std::to_string(sequence);
  if (number.size() < 6) number.insert(0, 6 - number.size(), '0');
  return number + "-" + base::to_hex(id) + "-" +
         (rank == fold ? std::string(fold_rank) : std::to_string(rank)) + std::string(journal_suffix);
}

std::optional<JournalName> JournalName::parse(const std::string& name) {
  std::string_view text = name;
  if (!text.ends_with(journal_suffix)) return std::nullopt;
  text.remove_suffix(journal_suffix.size());
  const auto first = text.find('-');
  const auto second = text.find('-', first == text.npos ? first : first + 1);
  if (second == text.npos) return std::nullopt;
  JournalName parsed;
  const std::string_view rank_text = text.substr(second + 1);
  if (!parse_number(text.substr(0, first), parsed.sequence)) return std::nullopt;
  if (!base::from_hex(text.substr(first + 1, second - first - 1), parsed.id)) return std::nullopt;
  if (rank_text == fold_rank)
    parsed.rank = fold;
  else if (!parse_number(rank_text, parsed.rank) || parsed.rank < 0)
    return std::nullopt;
  if (parsed.to_string() != name) return std::nullopt;
  return parsed;
}

std::vector<JournalName> list_journals(const fs::path& directory) {
  std::vector<JournalName> journals;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    if (auto name = JournalName::parse(it->path().filename().string())) journals.push_back(*name);
  std::sort(journals.begin(), journals.end());
  return journals;
}

void remove_leftovers(const fs::path& directory) {
  std::error_code ignored;
  fs::remove(unfinished_archive_path(directory), ignored);
  for (fs::directory_iterator it(directory, ignored), end; !ignored && it != end; it.increment(ignored)) {
    const std::string name = it->path().filename().string();
    // Names that atomic_replace and fold give to what they have not finished: a name of ours and a random id.
    const auto dot = name.rfind('.');
    std::uint64_t id = 0;
    if (dot != name.npos && base::from_hex(std::string_view(name).substr(dot + 1), id)) {
      std::error_code error;
      fs::remove(it->path(), error);
    }
  }
}

}  // namespace tasker::store
