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
std::filesystem::path hold_path(const std::filesystem::path& directory);
std::filesystem::path list_path(const std::filesystem::path& directory);
/// Where the archive grows until it is complete.
std::filesystem::path unfinished_archive_path(const std::filesystem::path& directory);

/// Name of a journal. Ordered by the run's number, so that later runs come later.
struct JournalName {
  std::uint32_t sequence = 0;  ///< Number of the run in this directory.
  std::uint64_t id = 0;        ///< Random id of the run (or of the archive or fold that it was made from).
  std::int32_t rank = 0;       ///< Rank that wrote it; `fold` for records collected from other files.
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

/// Name of a file that is to become `path`, which no other process uses. `remove_leftovers` knows it.
std::filesystem::path temporary_path(const std::filesystem::path& path);

/// The journals in a directory, in order. Empty if it does not exist. Throws SystemError if it can't be read.
std::vector<JournalName> list_journals(const std::filesystem::path& directory);

/// The states in a directory. Throws as list_journals does.
std::vector<StateName> list_states(const std::filesystem::path& directory);

/// Removes what killed runs left half-made: temporary files of this library in `directory`.
void remove_leftovers(const std::filesystem::path& directory);

/// Whether nothing is in `directory` but leftovers. Throws SystemError if it can't be read.
bool holds_nothing(const std::filesystem::path& directory);

}  // namespace tasker::store
