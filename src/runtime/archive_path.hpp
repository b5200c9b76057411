#pragma once

#include <filesystem>

namespace tasker::runtime {

/// Where the archive is to be that the program calls `path`: absolute, since `fn` may change the working
/// directory. Throws UsageError for a path that can't be a file's.
std::filesystem::path archive_path(const std::filesystem::path& path);

}  // namespace tasker::runtime
