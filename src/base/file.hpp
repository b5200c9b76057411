#pragma once

#include "base/descriptor.hpp"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace tasker::base {

/// Throws SystemError "cannot <what> <path>: <errno's text>", with what to do where that is known.
[[noreturn]] void throw_errno(std::string_view what, const std::filesystem::path& path);

/// An open file; closes itself. Every failure throws SystemError. Only `open_input` follows a link in the
/// last component.
class File {
 public:
  /// Creates a file that must not exist, for its owner and whoever else may use its directory, as far as the
  /// umask allows: 0600 where that is 0700.
  static File create_new(const std::filesystem::path& path);
  static File open_read(const std::filesystem::path& path);
  static File open_write(const std::filesystem::path& path);
  /// What the user names, not one of the library's own files: a FIFO is waited for.
  static File open_input(const std::filesystem::path& path);

  /// A file without a name in `directory`, or, where that is read-only, in that for temporary files. Where
  /// there are no files without a name it has one for a moment: `nameless` with a dot and 16 hex digits.
  static File create_nameless(const std::filesystem::path& directory);
  static constexpr const char* nameless = "scratch";

  File() = default;

  bool is_open() const { return bool{fd_}; }
  int fd() const { return fd_.get(); }
  const std::filesystem::path& path() const { return path_; }

  /// Writes all parts one after the other at the file's position.
  void write(std::initializer_list<std::string_view> parts);
  void write_at(std::uint64_t offset, std::string_view bytes);
  /// Fills `buffer` with the bytes from `offset` on. Throws SystemError where there are fewer.
  void read_at(std::uint64_t offset, std::span<char> buffer) const;
  /// The next bytes, in `buffer`; none at the end.
  std::string_view read(std::span<char> buffer);
  std::uint64_t size() const;
  /// On the medium when it returns. After a failure the file must not be trusted.
  void sync(bool data_only = false);
  /// Network file systems report a full disk here: call it where a failure matters.
  void close();

 private:
  File(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  template <class Call>
  auto retried_quietly(Call call) const;
  Descriptor fd_;
  std::filesystem::path path_;
};

/// The content of a small file; nothing if it does not exist. Larger than `limit` is an error, and so is a
/// link.
std::optional<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit = 1 << 24);

/// Makes a file one for everybody, as far as the umask allows.
void open_to_all(const std::filesystem::path& path);
/// Who may do what with a file or directory; the type's bits are left out. Throws SystemError.
mode_t mode_of(const std::filesystem::path& path);
void set_mode(const std::filesystem::path& path, mode_t mode);

/// Whether anything has that name, a link that leads nowhere included. Throws SystemError where that can't be
/// known.
bool file_exists(const std::filesystem::path& path);
/// What has that name, a link not followed; not_found if nothing has. Throws SystemError where that can't be
/// known.
std::filesystem::file_type type_of(const std::filesystem::path& path);
/// Throws UsageError if `path` is a symbolic link, dangling or not.
void refuse_link(const std::filesystem::path& path);
/// Creates a directory; false if something has its name already.
bool create_directory(const std::filesystem::path& path, mode_t mode);
/// Whether `path` is a directory, or a link to one. Throws SystemError where that can't be known.
bool is_directory(const std::filesystem::path& path);
/// `path` from the root, whatever the working directory will be. Throws SystemError where there is none.
std::filesystem::path absolute(const std::filesystem::path& path);

/// Keeps the working directory: the process is there again when this goes.
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

/// Bytes that this user can still write to the file system of `directory`; where it does not tell, all there
/// are.
std::uint64_t free_space(const std::filesystem::path& directory);

}  // namespace tasker::base
