#include "store/paths.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/scratch.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace tasker::store {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view directory_suffix = ".mpi";
constexpr std::string_view journal_suffix = ".journal";
constexpr std::string_view state_suffix = ".state";
constexpr std::string_view fold_rank = "fold";

const fs::path manifest_name = "manifest.json";
const fs::path hold_name = "hold.json";
const fs::path list_name = "list.bin";
const fs::path archive_name = "archive.unfinished";

/// Calls `visit` with the name of every entry; a directory that is not there has none.
template <class Visit>
void each_name(const fs::path& directory, Visit visit) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    visit(it->path().filename().string());
  if (error && error != std::errc::no_such_file_or_directory) {
    errno = error.value();
    base::throw_errno("read", directory);
  }
}

/// Whether `name` is what temporary_path makes of one of our names, or that of an unfinished archive.
bool is_leftover(std::string_view name) {
  if (name == archive_name.native()) return true;
  std::uint64_t id = 0;
  bool is_temporary = false;
  // A temporary file may have been on its way to another temporary name.
  for (auto dot = name.rfind('.'); dot != name.npos && base::from_hex(name.substr(dot + 1), id);
       dot = name.rfind('.')) {
    name = name.substr(0, dot);
    is_temporary = true;
  }
  return is_temporary && (name == manifest_name.native() || name == hold_name.native() ||
                          name == list_name.native() || name == base::scratch_name ||
                          JournalName::parse(std::string(name)) || StateName::parse(std::string(name)));
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

fs::path directory_of(const fs::path& file) { return file.string() + std::string(directory_suffix); }
fs::path file_of(const fs::path& directory) {
  const fs::path named = directory.has_filename() ? directory : directory.parent_path();
  return named.extension() == directory_suffix ? fs::path(named).replace_extension() : fs::path();
}
fs::path manifest_path(const fs::path& directory) { return directory / manifest_name; }
fs::path hold_path(const fs::path& directory) { return directory / hold_name; }
fs::path list_path(const fs::path& directory) { return directory / list_name; }
fs::path unfinished_archive_path(const fs::path& directory) { return directory / archive_name; }
fs::path temporary_path(const fs::path& path) {
  return path.string() + "." + base::to_hex(base::random_id());
}

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

std::string StateName::to_string() const {
  return std::to_string(index) + "-" + base::to_hex(fingerprint) + std::string(state_suffix);
}

std::optional<StateName> StateName::parse(const std::string& name) {
  std::string_view text = name;
  if (!text.ends_with(state_suffix)) return std::nullopt;
  text.remove_suffix(state_suffix.size());
  const auto dash = text.find('-');
  StateName parsed;
  if (dash == text.npos || !parse_number(text.substr(0, dash), parsed.index) ||
      !base::from_hex(text.substr(dash + 1), parsed.fingerprint) || parsed.to_string() != name)
    return std::nullopt;
  return parsed;
}

std::vector<StateName> list_states(const fs::path& directory) {
  std::vector<StateName> states;
  each_name(directory, [&](const std::string& name) {
    if (const auto state = StateName::parse(name)) states.push_back(*state);
  });
  return states;
}

std::vector<JournalName> list_journals(const fs::path& directory) {
  std::vector<JournalName> journals;
  each_name(directory, [&](const std::string& name) {
    if (const auto journal = JournalName::parse(name)) journals.push_back(*journal);
  });
  std::sort(journals.begin(), journals.end());
  return journals;
}

void remove_leftovers(const fs::path& directory) {
  each_name(directory, [&](const std::string& name) {
    std::error_code ignored;
    if (is_leftover(name)) fs::remove(directory / name, ignored);
  });
}

bool holds_nothing(const fs::path& directory) {
  bool nothing = true;
  each_name(directory, [&](const std::string& name) { nothing = nothing && is_leftover(name); });
  return nothing;
}

}  // namespace tasker::store
