#include "store/paths.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"

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
constexpr std::string_view leader_rank = "leader";

const fs::path manifest_name = "manifest.json";
const fs::path list_name = "list.bin";
const fs::path holder_name = "holder.json";
constexpr std::string_view fence_suffix = ".fence";
constexpr std::string_view ghosts_suffix = ".ghosts";

/// The run in a name such as RUN.fence; nothing for another name.
std::optional<std::string> parse_run(const std::string& name, std::string_view suffix) {
  if (!name.ends_with(suffix) || name.size() == suffix.size()) return std::nullopt;
  return name.substr(0, name.size() - suffix.size());
}

std::vector<std::string> list_runs(const fs::path& directory, std::string_view suffix) {
  std::vector<std::string> runs;
  for (const std::string& name : list_names(directory))
    if (auto run = parse_run(name, suffix)) runs.push_back(std::move(*run));
  return runs;
}

/// Whether `name` is what temporary_path makes of the name of a state or a fence.
bool is_leftover(std::string_view name) {
  std::uint64_t id = 0;
  const auto dot = name.rfind('.');
  if (dot == name.npos || !base::from_hex(name.substr(dot + 1), id)) return false;
  const std::string whole(name.substr(0, dot));
  return StateName::parse(whole) || parse_run(whole, fence_suffix);
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
fs::path list_path(const fs::path& directory) { return directory / list_name; }
fs::path fence_path(const fs::path& directory, const std::string& run) {
  return directory / (run + std::string(fence_suffix));
}
fs::path holder_path(const fs::path& fence) { return fence / holder_name; }
fs::path ghosts_path(const fs::path& directory, const std::string& run) {
  return directory / (run + std::string(ghosts_suffix));
}
std::vector<std::string> list_fences(const fs::path& directory) { return list_runs(directory, fence_suffix); }
std::vector<std::string> list_ghosts(const fs::path& directory) {
  return list_runs(directory, ghosts_suffix);
}
fs::path temporary_path(const fs::path& path) {
  return path.string() + "." + base::to_hex(base::random_id());
}

std::string JournalName::to_string() const {
  std::string number = std::to_string(sequence);
  if (number.size() < 6) number.insert(0, 6 - number.size(), '0');
  const std::string author = rank == fold     ? std::string(fold_rank)
                             : rank == leader ? std::string(leader_rank)
                                              : std::to_string(rank);
  return number + "-" + base::to_hex(id) + "-" + author + std::string(journal_suffix);
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
  else if (rank_text == leader_rank)
    parsed.rank = leader;
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

std::vector<std::string> list_names(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error && error != std::errc::no_such_file_or_directory) {
    errno = error.value();
    base::throw_errno("read", directory);
  }
  return names;
}

std::vector<StateName> list_states(const fs::path& directory) {
  std::vector<StateName> states;
  for (const std::string& name : list_names(directory))
    if (const auto state = StateName::parse(name)) states.push_back(*state);
  return states;
}

std::vector<JournalName> list_journals(const fs::path& directory) {
  std::vector<JournalName> journals;
  for (const std::string& name : list_names(directory))
    if (const auto journal = JournalName::parse(name)) journals.push_back(*journal);
  std::sort(journals.begin(), journals.end());
  return journals;
}

std::vector<fs::path> list_leftovers(const fs::path& directory) {
  std::vector<fs::path> leftovers;
  for (const std::string& name : list_names(directory))
    if (is_leftover(name)) leftovers.push_back(directory / name);
  return leftovers;
}

bool holds_nothing(const fs::path& directory) {
  return std::ranges::all_of(list_names(directory), [](const std::string& name) {
    return is_leftover(name) || parse_run(name, fence_suffix) || parse_run(name, ghosts_suffix);
  });
}

}  // namespace tasker::store
