#pragma once

#include "store/fence.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tasker::store {

/// What a directory or an archive holds, and for whom. Stored as JSON in the manifest, in every journal's
/// header and in the archive's description.
struct Manifest {
  std::uint64_t tasks = 0;
  std::string argument_type;
  std::string result_type;
  std::vector<std::string> columns;
  std::string digest;  ///< Of version, inputs, seed and types, in hexadecimal.
  std::string boost;   ///< Version of Boost.Serialization, for types without a fixed layout.

  bool operator==(const Manifest&) const = default;
};

/// What belongs into `Manifest::boost`.
std::string boost_version();

/// Who wrote records: one rank of one run.
struct Origin {
  std::string run;             ///< Id of the run, 16 hexadecimal digits.
  std::uint32_t sequence = 0;  ///< Number of the run in its directory; later runs have higher ones.
  int rank = 0;
  std::string host;
  std::string build;        ///< Build id of the program.
  std::uint64_t tasks = 0;  ///< How many tasks its map had.
  std::string job = {};     ///< The scheduler's job that the run belonged to; empty if none.

  bool operator==(const Origin&) const = default;
};

/// Writes the manifest of the fence's directory in one atomic step.
void write_manifest(const Fence& fence, const Manifest& manifest);
/// The manifest of a directory; nothing if it is missing or damaged (the journals repeat it). Throws
/// MismatchError for a foreign or newer format.
std::optional<Manifest> read_manifest(const std::filesystem::path& directory);
/// Whether the directory has a manifest that once was ours, damaged as it may be.
bool has_manifest(const std::filesystem::path& directory);

/// Throws MismatchError, naming both, if what `manifest` says of `path` has other types than these.
void require_types(const std::filesystem::path& path, const Manifest& manifest,
                   const std::string& argument_type, const std::string& result_type);

}  // namespace tasker::store
