#pragma once

#include <tasker/error.hpp>

#include <filesystem>
#include <string_view>

/// Gives names to files and takes them away. Every failure throws SystemError.
namespace tasker::base {

/// The file that was to be renamed does not exist.
class Missing : public SystemError {
 public:
  using SystemError::SystemError;
};

/// Removes a file or an empty directory, if it exists.
void remove_file(const std::filesystem::path& path);
/// Removes a directory, if it exists; false if it is not empty.
bool remove_directory(const std::filesystem::path& path);
/// Renames in one step, in place of a file that has the name `to`. Throws Missing.
void rename_file(const std::filesystem::path& from, const std::filesystem::path& to);
/// Gives a file the name `to` if that is free; otherwise does nothing and returns false. In one step if the
/// file system can do that at all. Throws Missing.
bool rename_new(const std::filesystem::path& from, const std::filesystem::path& to);

/// Replaces the content of the file: whatever dies meanwhile, `path` holds either its old content or `bytes`.
/// With `sync` this also holds after a loss of power.
void atomic_replace(const std::filesystem::path& path, std::string_view bytes, bool sync = true);

}  // namespace tasker::base
