#pragma once

#include <tasker/error.hpp>

#include <filesystem>
#include <string_view>

/// What gives names to files and takes them away. All of it throws SystemError.
namespace tasker::base {

/// What was to be renamed is not there.
class Missing : public SystemError {
 public:
  using SystemError::SystemError;
};

/// Removes a file or an empty directory; one that is not there is fine.
void remove_file(const std::filesystem::path& path);
/// Removes an empty directory; false if it is not empty, true if it is not there any more.
bool remove_directory(const std::filesystem::path& path);
/// In one step, in place of what is there. Throws Missing.
void rename_file(const std::filesystem::path& from, const std::filesystem::path& to);
/// Gives a file the name `to`, where nothing may be; false, with nothing done, if something is. In one step
/// where the file system can do that at all. Throws Missing.
bool rename_new(const std::filesystem::path& from, const std::filesystem::path& to);

/// After this, and whatever dies meanwhile, `path` holds either what it held before or `bytes`; with `sync`,
/// also after a loss of power.
void atomic_replace(const std::filesystem::path& path, std::string_view bytes, bool sync = true);

}  // namespace tasker::base
