#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace tasker::execute {

/// Whether this rank sees `directory` as held by `run`: not where it is another host's own disk. Looks for as
/// long as what another host has made may stay unseen, or for `patience`.
bool sees_directory(const std::filesystem::path& directory, const std::string& run);
bool sees_directory(const std::filesystem::path& directory, const std::string& run,
                    std::chrono::milliseconds patience);

/// How long that may be on a file system of this type (statfs): longer where hosts are known to share it.
std::chrono::milliseconds unseen_for(std::uint32_t type);

}  // namespace tasker::execute
