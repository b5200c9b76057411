#pragma once

#include <tasker/digest.hpp>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// Every name on disk is built and parsed here.
namespace tasker::store {

/// The directory in which the records of archive `file` are collected.
std::filesystem::path directory_of(const std::filesystem::path& file);
/// The archive that `directory` becomes; empty if no archive's directory has such a name.
std::filesystem::path file_of(const std::filesystem::path& directory);

std::filesystem::path manifest_path(const std::filesystem::path& directory);
std::filesystem::path list_path(const std::filesystem::path& directory);

/// The fence of a run: the subdirectory through which it publishes and removes (fence.hpp).
std::filesystem::path fence_path(const std::filesystem::path& directory, const std::string& run);
/// In a fence: the file that says whose it is.
std::filesystem::path holder_path(const std::filesystem::path& fence);
/// In a fence: where the archive grows until it is complete.
inline constexpr const char* unfinished_archive = "archive.unfinished";
/// What is left of the fence of a run whose ranks may have outlived it (ghosts.hpp).
std::filesystem::path ghosts_path(const std::filesystem::path& directory, const std::string& run);

/// The runs that have a fence in a directory. Throws SystemError if it can't be read.
std::vector<std::string> list_fences(const std::filesystem::path& directory);
/// The runs that have left ghosts behind. Throws as list_fences does.
std::vector<std::string> list_ghosts(const std::filesystem::path& directory);

/// Name of a journal. Ordered by the run's number, so that later runs come later.
struct JournalName {
  std::uint32_t sequence = 0;  ///< Number of the run in this directory.
  std::uint64_t id = 0;        ///< Random id of the run (or of the archive or fold that it was made from).
  /// Rank that wrote it; `leader` for what rank 0 records for others, `fold` for records collected from other
  /// files.
  std::int32_t rank = 0;
  static constexpr std::int32_t leader = -2;
  static constexpr std::int32_t fold = -1;

  auto operator<=>(const JournalName&) const = default;
  /// "000003-8f3a1c9be02d7745-2.journal", "000003-8f3a1c9be02d7745-fold.journal"
  std::string to_string() const;
  static std::optional<JournalName> parse(const std::string& name);
};

/// Name of the state that a task has saved: a changed argument, or version, makes another.
struct StateName {
  std::uint64_t index = 0;
  Digest fingerprint;

  /// "17-8f3a1c9be02d77458f3a1c9be02d7745.state"
  std::string to_string() const;
  static std::optional<StateName> parse(const std::string& name);
};

/// Name of a file that is to become `path`, which no other process uses. `list_leftovers` knows it.
std::filesystem::path temporary_path(const std::filesystem::path& path);

/// The journals in a directory, in order. Empty if it does not exist. Throws SystemError if it can't be read.
std::vector<JournalName> list_journals(const std::filesystem::path& directory);

/// The states in a directory. Throws as list_journals does.
std::vector<StateName> list_states(const std::filesystem::path& directory);

/// The names of all entries of a directory; none if it does not exist. Throws SystemError if it can't be
/// read.
std::vector<std::string> list_names(const std::filesystem::path& directory);

/// What killed runs left half-made in a directory: temporary files, and fences that never stood. Throws as
/// list_names does.
std::vector<std::filesystem::path> list_leftovers(const std::filesystem::path& directory);

/// Whether nothing is in `directory` but fences and leftovers. Throws SystemError if it can't be read.
bool holds_nothing(const std::filesystem::path& directory);

}  // namespace tasker::store
