#pragma once

#include "base/descriptor.hpp"

#include <sys/types.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace tasker::base {

/// Throws SystemError "cannot <what> <path>: <error's text>; <advice>". Some errors have no advice.
[[noreturn]] void throw_errno(std::string_view what, const std::filesystem::path& path, int error = errno);

/// An open file, closed by its destructor. Every failure throws SystemError. Only `open_input` follows a link
/// in the path's last component.
class File {
 public:
  /// Creates a file, whose name must be free. Whoever may use the directory may use the file, as far as the
  /// umask allows: in a directory of mode 0700 the file's mode is 0600.
  static File create_new(const std::filesystem::path& path);
  static File open_read(const std::filesystem::path& path);
  /// For a file that the user names, instead of one of the library's own. A FIFO is waited for.
  static File open_input(const std::filesystem::path& path);

  /// Creates a file without a name in `directory` or, if that is read-only, in the directory for temporary
  /// files. Where the file system has no such files, the file has a name for a moment: `nameless`, a dot and
  /// 16 hex digits.
  static File create_nameless(const std::filesystem::path& directory);
  static constexpr const char* nameless = "scratch";

  File() = default;
  /// Owns `fd`, which is open.
  File(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}

  bool is_open() const { return bool{fd_}; }
  int fd() const { return fd_.get(); }
  const std::filesystem::path& path() const { return path_; }

  /// Writes all parts one after the other at the file's position.
  void write(std::span<const std::string_view> parts);
  void write(std::initializer_list<std::string_view> parts) { write(std::span(parts.begin(), parts.size())); }
  void write_at(std::uint64_t offset, std::string_view bytes);
  /// Fills `buffer` with the bytes from `offset` on. Throws SystemError where there are fewer.
  void read_at(std::uint64_t offset, std::span<char> buffer) const;
  /// Reads the next bytes into `buffer`; none at the end of the file.
  std::string_view read(std::span<char> buffer);
  std::uint64_t size() const;
  /// Lets everybody read and write the file, as far as the umask allows.
  void open_to_all();
  /// Returns when the content is on the medium. After a failure the file must not be trusted.
  void sync(bool data_only = false);
  /// Network file systems report a full disk only here: call this where a failure matters.
  void close();

 private:
  void set_mode(mode_t mode);
  Descriptor fd_;
  std::filesystem::path path_;
};

/// The content of a small file; nothing if it does not exist. Throws SystemError for a link, and for a file
/// larger than `limit`.
std::optional<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit = 1 << 24);

/// The permission bits of a file or directory. Throws SystemError.
mode_t mode_of(const std::filesystem::path& path);
void set_mode(const std::filesystem::path& path, mode_t mode);

/// Whether anything has that name, be it a dangling link. Throws SystemError where that can't be known.
bool file_exists(const std::filesystem::path& path);
/// The type of the file with that name, links not followed; not_found if nothing has it. Throws SystemError
/// where that can't be known.
std::filesystem::file_type type_of(const std::filesystem::path& path);
/// Throws UsageError if `path` is a symbolic link, dangling or not.
void refuse_link(const std::filesystem::path& path);
/// Creates a directory; false if something has its name already.
bool create_directory(const std::filesystem::path& path, mode_t mode);
/// Whether `path` is a directory, or a link to one. Throws SystemError where that can't be known.
bool is_directory(const std::filesystem::path& path);
/// The absolute `path`, valid whatever the working directory will be. Throws SystemError if there is none
/// now.
std::filesystem::path absolute(const std::filesystem::path& path);

/// Brings the process back, in the end, to the working directory in which the object was made.
class WorkingDirectory {
 public:
  WorkingDirectory() : path_(std::filesystem::current_path(ignored_)) {}
  ~WorkingDirectory() { std::filesystem::current_path(path_, ignored_); }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;

 private:
  std::error_code ignored_;
  std::filesystem::path path_;
};

/// Makes creations, renames and removals in `directory` durable.
void sync_directory(const std::filesystem::path& directory);
/// The same, and its own name.
void sync_directory_and_name(const std::filesystem::path& directory);

/// Bytes that this user can still write to the file system of `directory`; UINT64_MAX if it does not tell.
std::uint64_t free_space(const std::filesystem::path& directory);

}  // namespace tasker::base
