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

/// The directory that collects the records of archive `file`.
std::filesystem::path directory_of(const std::filesystem::path& file);
/// The archive that `directory` becomes; empty if the name is not that of an archive's directory.
std::filesystem::path file_of(const std::filesystem::path& directory);

std::filesystem::path manifest_path(const std::filesystem::path& directory);
std::filesystem::path list_path(const std::filesystem::path& directory);
/// The key that runs on other hosts must have to join (key.hpp).
std::filesystem::path key_path(const std::filesystem::path& directory);

/// The fence of a run: the subdirectory through which it publishes and removes (fence.hpp).
std::filesystem::path fence_path(const std::filesystem::path& directory, const std::string& run);
/// The file in a fence that says whose fence it is.
std::filesystem::path holder_path(const std::filesystem::path& fence);
/// The name, in a fence, of the socket at which other runs join.
inline constexpr const char* gate_name = "gate";
/// The name, in a fence, under which the archive grows until it is complete.
inline constexpr const char* unfinished_archive = "archive.unfinished";
/// The file that is left of the fence of a run whose ranks may have outlived it (ghosts.hpp).
std::filesystem::path ghosts_path(const std::filesystem::path& directory, const std::string& run);

/// The file that tells of a run that computes for the one that holds the directory (ghosts.hpp).
std::filesystem::path joined_path(const std::filesystem::path& directory, const std::string& run);

/// The names of all entries of a directory, at one moment. The functions below take a path, too: they look
/// then.
class Names {
 public:
  /// There are none if the directory is missing. Throws SystemError if it can't be read.
  Names(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  auto begin() const { return names_.begin(); }
  auto end() const { return names_.end(); }

 private:
  std::filesystem::path directory_;
  std::vector<std::string> names_;
};

/// The runs that have a fence in a directory.
std::vector<std::string> list_fences(const Names& names);
/// The runs that have left ghosts behind.
std::vector<std::string> list_ghosts(const Names& names);
/// The runs that have joined another one.
std::vector<std::string> list_joined(const Names& names);

/// Name of a journal. Journals are ordered by the run's number, so that later runs come later.
struct JournalName {
  std::uint32_t sequence = 0;  ///< Number of the run in this directory.
  std::uint64_t id = 0;        ///< Random id of the run (or of the archive or fold that it was made from).
  /// The rank that wrote it; `leader` for what rank 0 records for others, `fold` for records collected from
  /// other files.
  std::int32_t rank = 0;
  static constexpr std::int32_t leader = -2;
  static constexpr std::int32_t fold = -1;

  auto operator<=>(const JournalName&) const = default;
  /// "000003-8f3a1c9be02d7745-2.journal", "000003-8f3a1c9be02d7745-fold.journal"
  std::string to_string() const;
  static std::optional<JournalName> parse(const std::string& name);
};

/// Name of the state that a task has saved. It changes with the argument and with Options::version.
struct StateName {
  std::uint64_t index = 0;
  Digest fingerprint;

  /// "17-8f3a1c9be02d77458f3a1c9be02d7745.state"
  std::string to_string() const;
  static std::optional<StateName> parse(const std::string& name);
};

/// A temporary name, used by no other process, for what is to become `path`. `list_leftovers` knows it.
std::filesystem::path temporary_path(const std::filesystem::path& path);

/// The journals in a directory, in order.
std::vector<JournalName> list_journals(const Names& names);

/// The states in a directory.
std::vector<StateName> list_states(const Names& names);

/// What killed runs left unfinished in a directory: temporary files, and fences that never got their name.
std::vector<std::filesystem::path> list_leftovers(const Names& names);

/// Whether nothing is in a directory but fences, ghosts, leftovers, and what a loss of power leaves of a
/// manifest.
bool holds_nothing(const Names& names);

}  // namespace tasker::store
