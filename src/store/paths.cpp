#include "store/paths.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <type_traits>
#include <utility>

namespace tasker::store {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view directory_suffix = ".mpi";
constexpr std::string_view journal_suffix = ".journal";
constexpr std::string_view state_suffix = ".state";
constexpr std::string_view fence_suffix = ".fence";
constexpr std::string_view ghosts_suffix = ".ghosts";
constexpr std::string_view joined_suffix = ".joined";

/// The run in a name such as RUN.fence; nothing if the name has another suffix.
std::optional<std::string> parse_run(const std::string& name, std::string_view suffix) {
  if (!name.ends_with(suffix) || name.size() == suffix.size()) return std::nullopt;
  return name.substr(0, name.size() - suffix.size());
}

/// What `parse` makes of each name, without the names that it does not recognize.
template <class Parse>
auto list_parsed(const Names& names, Parse parse) {
  std::vector<typename std::invoke_result_t<Parse, const std::string&>::value_type> parsed;
  for (const std::string& name : names)
    if (auto value = parse(name)) parsed.push_back(std::move(*value));
  return parsed;
}

/// Whether `name` is a temporary_path for a state or a fence.
bool is_leftover(std::string_view name) {
  std::uint64_t id = 0;
  const auto dot = name.rfind('.');
  if (dot == name.npos || !base::from_hex(name.substr(dot + 1), id)) return false;
  const std::string whole(name.substr(0, dot));
  return StateName::parse(whole) || parse_run(whole, fence_suffix);
}

/// Whether a loss of power may have left the file like that: empty, or with zeros in the place of its text.
bool is_torn(const fs::path& path) {
  const auto text = base::read_small_file(path);
  return !text || text->empty() || text->find('\0') != text->npos;
}

}  // namespace

fs::path directory_of(const fs::path& file) { return file.string() + std::string(directory_suffix); }
fs::path file_of(const fs::path& directory) {
  const fs::path named = directory.has_filename() ? directory : directory.parent_path();
  return named.extension() == directory_suffix ? fs::path(named).replace_extension() : fs::path();
}
fs::path manifest_path(const fs::path& directory) { return directory / "manifest.json"; }
fs::path list_path(const fs::path& directory) { return directory / "list.bin"; }
fs::path key_path(const fs::path& directory) { return directory / "key"; }
fs::path fence_path(const fs::path& directory, const std::string& run) {
  return directory / (run + std::string(fence_suffix));
}
fs::path holder_path(const fs::path& fence) { return fence / "holder.json"; }
fs::path ghosts_path(const fs::path& directory, const std::string& run) {
  return directory / (run + std::string(ghosts_suffix));
}
fs::path joined_path(const fs::path& directory, const std::string& run) {
  return directory / (run + std::string(joined_suffix));
}
std::vector<std::string> list_fences(const Names& names) {
  return list_parsed(names, [](const std::string& name) { return parse_run(name, fence_suffix); });
}
std::vector<std::string> list_ghosts(const Names& names) {
  return list_parsed(names, [](const std::string& name) { return parse_run(name, ghosts_suffix); });
}
std::vector<std::string> list_joined(const Names& names) {
  return list_parsed(names, [](const std::string& name) { return parse_run(name, joined_suffix); });
}
fs::path temporary_path(const fs::path& path) {
  return path.string() + "." + base::to_hex(base::random_id());
}

std::string JournalName::to_string() const {
  const std::string author = rank == fold ? "fold" : rank == leader ? "leader" : std::to_string(rank);
  return fmt::format("{:06}-{:016x}-{}{}", sequence, id, author, journal_suffix);
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
  const auto sequence = base::parse_number<std::uint32_t>(text.substr(0, first));
  const auto rank = base::parse_number<std::int32_t>(rank_text);
  if (!sequence || !base::from_hex(text.substr(first + 1, second - first - 1), parsed.id))
    return std::nullopt;
  parsed.sequence = *sequence;
  if (rank_text == "fold")
    parsed.rank = fold;
  else if (rank_text == "leader")
    parsed.rank = leader;
  else if (rank && *rank >= 0)
    parsed.rank = *rank;
  else
    return std::nullopt;
  if (parsed.to_string() != name) return std::nullopt;
  return parsed;
}

std::string StateName::to_string() const {
  return std::to_string(index) + "-" + base::to_hex(fingerprint) + std::string(state_suffix);
}

std::optional<StateName> StateName::parse(const std::string& name) {
  const std::string_view text = name;
  const auto dash = text.find('-');
  const auto index = base::parse_number<std::uint64_t>(text.substr(0, dash));
  if (dash == text.npos || !index) return std::nullopt;
  StateName parsed{*index, {}};
  if (!base::from_hex(text.substr(dash + 1, 32), parsed.fingerprint) || parsed.to_string() != name)
    return std::nullopt;
  return parsed;
}

Names::Names(fs::path directory) : directory_(std::move(directory)) {
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error))
    names_.push_back(it->path().filename().string());
  if (error && error != std::errc::no_such_file_or_directory) {
    errno = error.value();
    base::throw_errno("read", directory_);
  }
}

std::vector<StateName> list_states(const Names& names) { return list_parsed(names, StateName::parse); }

std::vector<JournalName> list_journals(const Names& names) {
  auto journals = list_parsed(names, JournalName::parse);
  std::ranges::sort(journals);
  return journals;
}

std::vector<fs::path> list_leftovers(const Names& names) {
  std::vector<fs::path> leftovers;
  for (const std::string& name : names)
    if (is_leftover(name)) leftovers.push_back(names.directory() / name);
  return leftovers;
}

bool holds_nothing(const Names& names) {
  const fs::path manifest = manifest_path(names.directory());
  return std::ranges::all_of(names, [&](const std::string& name) {
    return is_leftover(name) || parse_run(name, fence_suffix) || parse_run(name, ghosts_suffix) ||
           parse_run(name, joined_suffix) || name == key_path("").filename() ||
           (name == manifest.filename() && is_torn(manifest));
  });
}

}  // namespace tasker::store
