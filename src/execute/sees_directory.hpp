#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace tasker::execute {

/// Whether this rank sees that `run` holds `directory`. False if the path leads to this host's own disk, and
/// not to that of rank 0. A file system may show late what another host has made, so this looks again until
/// `patience` has passed: `unseen_for` the directory's file system, if not given.
bool sees_directory(const std::filesystem::path& directory, const std::string& run);
bool sees_directory(const std::filesystem::path& directory, const std::string& run,
                    std::chrono::milliseconds patience);

/// How long a file system of this type (statfs) may not show what another host has made: longer if hosts are
/// known to share such file systems.
std::chrono::milliseconds unseen_for(std::uint32_t type);

/// Whether other hosts may see what is at `path`: it is on a network file system.
bool may_be_shared(const std::filesystem::path& path);

}  // namespace tasker::execute
