#include "base/file.hpp"

#include "base/hash.hpp"
#include "base/retried.hpp"
#include "base/signals.hpp"
#include "base/umask.hpp"

#include <tasker/error.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace tasker::base {

namespace {

std::string_view advice(int error, std::string_view what) {
  switch (error) {
    case ENOSPC: return "; free some space, then run the same command again";
    case EDQUOT: return "; your quota is used up: free some space, then run the same command again";
    case EACCES:
    case EPERM:
    case EROFS: return "; choose a place that you may write to";
    case ENOENT:
      return what == "create" ? "; create the directory first, or check the path" : "; check the path";
    case ELOOP: return what == "read" ? "" : "; it is a symbolic link, which is not followed here";
    case EISDIR: return "; a file is wanted there";
    case EFBIG:
      return "; raise the limit on the size of a file (ulimit -f), or choose another file system, then run "
             "the same command again";
    case EXDEV: return "; both must be on the same file system";
    case EIO: return "; the medium or the file server failed: run the same command again when it is repaired";
    default: return "";
  }
}

/// Somebody may have put a FIFO in a file's place: it is read as empty instead of being waited for.
constexpr int to_read = O_RDONLY | O_NONBLOCK;

int open_nofollow(const std::filesystem::path& path, int flags, mode_t mode = 0) {
  return retried([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode); });
}

int open_or_throw(const std::filesystem::path& path, int flags, std::string_view what, mode_t mode = 0) {
  const int fd = open_nofollow(path, flags, mode);
  if (fd < 0) throw_errno(what, path);
  return fd;
}

const std::filesystem::path& or_here(const std::filesystem::path& directory) {
  static const std::filesystem::path here = ".";
  return directory.empty() ? here : directory;
}

/// The mode of a new file: whoever may use the directory may use the file, as far as the umask allows.
mode_t mode_in(const std::filesystem::path& directory) {
  struct stat status {};
  const bool known = ::stat(or_here(directory).c_str(), &status) == 0;
  return 0600 | (known ? status.st_mode & 0066 : 0);
}

bool size_is_limited() {
  rlimit size{};
  return ::getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur != RLIM_INFINITY;
}

/// Repeats a call that writes, without SIGXFSZ. Blocking that costs as much as a small write, so it is done
/// only while the size of files is limited. A task may set the limit at any time, so every call asks.
template <class Call>
auto retried_quietly(Call call) {
  std::optional<WithoutWriteSignals> guard;
  if (size_is_limited()) guard.emplace();
  return retried(call);
}

}  // namespace

void throw_errno(std::string_view what, const std::filesystem::path& path, int error) {
  throw SystemError("cannot " + std::string(what) + " " + path.string() + ": " + std::strerror(error) +
                    std::string(advice(error, what)));
}

File File::create_new(const std::filesystem::path& path) {
  const mode_t mode = mode_in(path.parent_path());
  File file(open_or_throw(path, O_RDWR | O_CREAT | O_EXCL, "create", mode), path);
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) throw_errno("examine", path);
  // Another mode than the wanted one comes from an access control list, which counts, or from a umask that fn
  // has set meanwhile, which does not.
  if ((status.st_mode & 0777) != Umask::allowed(mode) && Umask::has_changed()) file.set_mode(mode);
  return file;
}

void File::set_mode(mode_t mode) {
  if (retried([&] { return ::fchmod(fd(), Umask::allowed(mode)); }) != 0)
    throw_errno("set the mode of", path_);
}

void File::open_to_all() { set_mode(0666); }

File File::create_nameless(const std::filesystem::path& directory) {
  if (const int fd = ::open(or_here(directory).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); fd >= 0)
    return {fd, directory};
  const std::filesystem::path name = directory / (std::string(nameless) + '.' + to_hex(random_id()));
  const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool is_read_only = fd < 0 && (errno == EROFS || errno == EACCES);
  if (const auto other = std::filesystem::temp_directory_path(); is_read_only && other != directory)
    return create_nameless(other);
  if (fd < 0) throw_errno("create a temporary file in", directory);
  ::unlink(name.c_str());
  return {fd, directory};
}

File File::open_read(const std::filesystem::path& path) {
  return {open_or_throw(path, to_read, "open"), path};
}
File File::open_input(const std::filesystem::path& path) {
  const int fd = retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
  if (fd < 0) throw_errno("read", path);
  return {fd, path};
}

void File::write(std::span<const std::string_view> parts) {
  std::vector<iovec> left;
  for (std::string_view part : parts)
    if (!part.empty()) left.push_back({const_cast<char*>(part.data()), part.size()});
  for (std::size_t first = 0; first < left.size();) {
    const auto n =
        retried_quietly([&] { return ::writev(fd(), &left[first], static_cast<int>(left.size() - first)); });
    if (n < 0) throw_errno("write", path_);
    // After a short write, go on behind the bytes that were written.
    for (auto written = static_cast<std::size_t>(n); first < left.size() && written > 0;) {
      const std::size_t taken = std::min(written, left[first].iov_len);
      left[first].iov_base = static_cast<char*>(left[first].iov_base) + taken;
      left[first].iov_len -= taken;
      written -= taken;
      if (left[first].iov_len == 0) ++first;
    }
  }
}

void File::write_at(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = retried_quietly(
        [&] { return ::pwrite(fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (n < 0) throw_errno("write", path_);
    offset += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void File::read_at(std::uint64_t offset, std::span<char> buffer) const {
  while (!buffer.empty()) {
    const auto n =
        retried([&] { return ::pread(fd(), buffer.data(), buffer.size(), static_cast<off_t>(offset)); });
    if (n == 0) errno = EIO;
    if (n <= 0) throw_errno("read", path_);
    offset += static_cast<std::uint64_t>(n);
    buffer = buffer.subspan(static_cast<std::size_t>(n));
  }
}

std::string_view File::read(std::span<char> buffer) {
  const auto n = retried([&] { return ::read(fd(), buffer.data(), buffer.size()); });
  if (n < 0) throw_errno("read", path_);
  return {buffer.data(), static_cast<std::size_t>(n)};
}

std::uint64_t File::size() const {
  struct stat status {};
  if (::fstat(fd(), &status) != 0) throw_errno("examine", path_);
  return static_cast<std::uint64_t>(status.st_size);
}

void File::sync(bool data_only) {
  if (retried([&] { return data_only ? ::fdatasync(fd()) : ::fsync(fd()); }) != 0) throw_errno("sync", path_);
}

void File::close() {
  const int fd = fd_.release();
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) throw_errno("close", path_);
}

std::optional<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit) {
  const int fd = open_nofollow(path, to_read);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) throw_errno("open", path);
  File file(fd, path);
  std::string content;
  char buffer[4096];
  for (auto part = file.read(buffer); !part.empty(); part = file.read(buffer)) {
    content += part;
    if (content.size() > limit) throw SystemError(path.string() + " is larger than what belongs there");
  }
  return content;
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(or_here(path).c_str(), &status) != 0) throw_errno("examine", path);
  return status.st_mode & 07777;
}

void set_mode(const std::filesystem::path& path, mode_t mode) {
  if (retried([&] { return ::chmod(path.c_str(), mode); }) != 0) throw_errno("set the mode of", path);
}

std::filesystem::file_type type_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto type = std::filesystem::symlink_status(path, error).type();
  if (type == std::filesystem::file_type::none) throw_errno("examine", path, error.value());
  return type;
}

bool file_exists(const std::filesystem::path& path) {
  return type_of(path) != std::filesystem::file_type::not_found;
}

bool is_directory(const std::filesystem::path& path) {
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  if (type == std::filesystem::file_type::none) throw_errno("examine", path, error.value());
  return type == std::filesystem::file_type::directory;
}

void refuse_link(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(std::filesystem::symlink_status(path, error))) return;
  throw UsageError(path.string() + " is a symbolic link to " +
                   std::filesystem::read_symlink(path, error).string() +
                   ", which is not followed here; name what it leads to, or remove it");
}

bool create_directory(const std::filesystem::path& path, mode_t mode) {
  if (retried([&] { return ::mkdir(path.c_str(), mode); }) == 0) return true;
  if (errno != EEXIST) throw_errno("create", path);
  return false;
}

std::filesystem::path absolute(const std::filesystem::path& path) {
  std::error_code error;
  auto result = std::filesystem::absolute(path, error);
  if (error) throw_errno("find the working directory for", path, error.value());
  return result;
}

void sync_directory(const std::filesystem::path& directory) {
  const std::filesystem::path& path = or_here(directory);
  const Descriptor opened(retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!opened) throw_errno("open", path);
  // Some file systems can't sync a directory; they order its changes themselves.
  if (retried([&] { return ::fsync(opened.get()); }) != 0 && errno != EINVAL) throw_errno("sync", path);
}

void sync_directory_and_name(const std::filesystem::path& directory) {
  sync_directory(directory);
  sync_directory(directory.parent_path());
}

std::uint64_t free_space(const std::filesystem::path& directory) {
  const std::filesystem::path& path = or_here(directory);
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) throw_errno("examine", path);
  if (status.f_blocks == 0) return UINT64_MAX;
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace tasker::base
