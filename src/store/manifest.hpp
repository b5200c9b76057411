#pragma once

#include "store/fence.hpp"

#include <tasker/detail/call.hpp>
#include <tasker/digest.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tasker::store {

/// What a directory or an archive holds, and for which map. Stored as JSON in the manifest's file, in every
/// journal's header and in the archive's description.
struct Manifest {
  std::uint64_t tasks = 0;
  std::string argument_type;
  std::string result_type;
  std::vector<std::string> columns;
  std::string digest;  ///< Digest of version, inputs, seed and types, in hexadecimal.
  std::string boost;   ///< Version of Boost.Serialization, for types without a fixed layout.

  bool operator==(const Manifest&) const = default;
};

/// The manifest of a map, called with rank 0's options. `digest`: that of its Fingerprinter.
Manifest manifest_of(const detail::MapCall& call, std::uint64_t tasks, const Digest& digest);

/// Writes the manifest of the fence's directory in one atomic step.
void write_manifest(const Fence& fence, const Manifest& manifest);
/// Reads the manifest of a directory; nothing if it is missing or damaged (the journals repeat it). Throws
/// MismatchError for a foreign or newer format.
std::optional<Manifest> read_manifest(const std::filesystem::path& directory);
/// Whether the directory has a manifest of Tasker's, even a damaged one.
bool has_manifest(const std::filesystem::path& directory);

/// Throws MismatchError, naming both, if `manifest`, which is that of `path`, has other types than these.
void require_types(const std::filesystem::path& path, const Manifest& manifest,
                   const std::string& argument_type, const std::string& result_type);

}  // namespace tasker::store
