/// Preloaded into a program (LD_PRELOAD), this makes one of its system calls on files go wrong:
///
///   FAULTS_BELOW=DIR   the calls that count: on this directory, and on what is in it
///   FAULTS_LOG=FILE    gets a line for each of them: number, name, path; and if it went wrong, "!" and the
///                      monotonic clock's nanoseconds
///   FAULTS_AT=N        the first that goes wrong; without it none does
///   FAULTS_DO=WHAT     ENOSPC (or another error), with nothing done
///                      ENOSPC+: also every later call that would take space
///                      ~EIO: the call is done, but says that it failed, as network file systems may
///                      short: a part is written · torn: a part is written, then kill -9 · kill: kill -9
///                      before it · stop: SIGSTOP before it
///   FAULTS_RECORD=FILE gets a line for each of them that was done, and with what; see record.hpp
///   FAULTS_LINKS=WHAT  the file system can't rename without replacing; and links are `hard`, there are
///                      `none`, or they are made `symbolic`
///   FAULTS_CLOCK=N     the monotonic clock runs N times as fast, and who sleeps wakes the sooner
///   FAULTS_THREADS=N   the N-th thread that C++ code starts, and each one after it, can't be started; MPI's
///                      own, which are C code's, can
///   FAULTS_RANK=N      that of the threads only counts on this rank
///
/// What a C library calls inside itself does not come by here: `remove`, `opendir` and the like count as one.
#include "next.hpp"
#include "record.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>
#include <vector>

namespace {

enum class Fault { none, error, late_error, part, torn, kill, stop };

struct Plan {
  std::string_view below;
  const char* log = nullptr;
  unsigned long at = 0;
  Fault fault = Fault::none;
  int error = 0;
  bool goes_on = false;
};

int error_named(std::string_view name) {
  for (int error = 1; error < 134; ++error)
    if (const char* const known = ::strerrorname_np(error); known && name == known) return error;
  std::fprintf(stderr, "FAULTS_DO: what is this?\n");
  std::abort();
}

Plan read_plan() {
  Plan plan;
  if (const char* const below = std::getenv("FAULTS_BELOW")) plan.below = below;
  plan.log = std::getenv("FAULTS_LOG");
  const char* const at = std::getenv("FAULTS_AT");
  const char* const what = std::getenv("FAULTS_DO");
  if (!at || !what) return plan;
  plan.at = std::strtoul(at, nullptr, 10);
  std::string_view text = what;
  if (text == "kill") {
    plan.fault = Fault::kill;
  } else if (text == "stop") {
    plan.fault = Fault::stop;
  } else if (text == "short") {
    plan.fault = Fault::part;
  } else if (text == "torn") {
    plan.fault = Fault::torn;
  } else {
    plan.fault = text.starts_with('~') ? Fault::late_error : Fault::error;
    if (plan.fault == Fault::late_error) text.remove_prefix(1);
    plan.goes_on = text.ends_with('+');
    if (plan.goes_on) text.remove_suffix(1);
    plan.error = error_named(text);
  }
  return plan;
}

const Plan& plan() {
  static const Plan read = read_plan();
  return read;
}

std::string_view links_setting() {
  const char* const links = std::getenv("FAULTS_LINKS");
  return links ? links : "";
}

bool counts(std::string_view path) {
  const std::string_view below = plan().below;
  return !below.empty() && path.starts_with(below) &&
         (path.size() == below.size() || path[below.size()] == '/');
}

/// Both names of a file that gets another one.
struct Moved {
  const char* from = nullptr;
  const char* to = nullptr;
};

/// One call on a path, or on an open file.
class Call {
 public:
  /// `moved`: what is recorded in place of `path`.
  Call(const char* name, const char* path, bool takes_space = false, Moved moved = {}) {
    begin(name, path, takes_space, moved);
  }
  Call(const char* name, int fd, bool takes_space = false) : written_(takes_space ? fd : -1) {
    char link[40];
    char path[PATH_MAX];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t size = plan().below.empty() ? -1 : ::readlink(link, path, sizeof path - 1);
    if (size < 0) return;
    path[size] = '\0';
    begin(name, path, takes_space, {});
  }

  bool is(Fault fault) const { return fault_ == fault; }
  /// What the call returns: what `real` does, or the fault.
  template <class Real>
  auto operator()(Real real, decltype(real()) failed = -1) const {
    if (is(Fault::error)) {
      errno = plan().error;
      return failed;
    }
    const auto result = real();
    if (result != failed) record_.done(written_);
    if (is(Fault::late_error) && result != failed) {
      errno = plan().error;
      return failed;
    }
    return result;
  }

 private:
  void begin(const char* name, const char* path, bool takes_space, Moved moved) {
    if (!path || !counts(path)) return;
    record_.begin(name, moved.from ? moved.from : path, moved.to);
    static std::atomic<unsigned long> calls;
    const unsigned long number = ++calls;
    const bool later = plan().goes_on && takes_space && number > plan().at;
    if (plan().fault != Fault::none && (number == plan().at || later)) fault_ = plan().fault;
    if (plan().log) {
      timespec now{};
      ::clock_gettime(CLOCK_MONOTONIC, &now);
      char wrong[40] = "";
      if (fault_ != Fault::none) std::snprintf(wrong, sizeof wrong, " ! %ld%09ld", now.tv_sec, now.tv_nsec);
      char line[PATH_MAX + 80];
      const int size = std::snprintf(line, sizeof line, "%lu %s %s%s\n", number, name, path, wrong);
      const long log = ::syscall(SYS_open, plan().log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
      if (log < 0 || ::syscall(SYS_write, log, line, size) != size) std::abort();
      ::syscall(SYS_close, log);
    }
    if (is(Fault::kill)) ::kill(::getpid(), SIGKILL);
    if (is(Fault::stop)) ::kill(::getpid(), SIGSTOP);
  }

  Fault fault_ = Fault::none;
  int written_ = -1;
  Record record_;
};

bool is_cut(const Call& call) { return call.is(Fault::part) || call.is(Fault::torn); }

/// What becomes of a write of `size` bytes: `real` takes how many of them to write.
template <class Real>
ssize_t write_as(const Call& call, std::size_t size, Real real) {
  const ssize_t written = call([&] { return real(is_cut(call) ? (size + 1) / 2 : size); });
  if (call.is(Fault::torn)) ::kill(::getpid(), SIGKILL);
  return written;
}

Call opening(const char* path, int flags) {
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return {creates ? "create" : (flags & O_DIRECTORY) != 0 ? "list" : "open", path, creates};
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  REAL(open);
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = va_arg(arguments, mode_t);  // means nothing unless a file is created
  va_end(arguments);
  return opening(path, flags)([&] { return real(path, flags, mode); });
}

int openat(int directory, const char* path, int flags, ...) {
  REAL(openat);
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = va_arg(arguments, mode_t);
  va_end(arguments);
  return opening(path, flags)([&] { return real(directory, path, flags, mode); });
}

ssize_t read(int fd, void* buffer, std::size_t size) {
  REAL(read);
  return Call("read", fd)([&] { return real(fd, buffer, size); });
}

ssize_t write(int fd, const void* bytes, std::size_t size) {
  REAL(write);
  return write_as(Call("write", fd, true), size, [&](std::size_t n) { return real(fd, bytes, n); });
}

ssize_t pwrite(int fd, const void* bytes, std::size_t size, off_t offset) {
  REAL(pwrite);
  return write_as(Call("pwrite", fd, true), size, [&](std::size_t n) { return real(fd, bytes, n, offset); });
}

ssize_t writev(int fd, const iovec* parts, int count) {
  REAL(writev);
  std::size_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  const Call call("writev", fd, true);
  if (!is_cut(call)) return call([&] { return real(fd, parts, count); });
  return write_as(call, size, [&](std::size_t left) {
    std::vector<iovec> cut;
    for (int i = 0; left > 0; left -= cut.back().iov_len, ++i)
      cut.push_back({parts[i].iov_base, std::min(left, parts[i].iov_len)});
    return real(fd, cut.data(), static_cast<int>(cut.size()));
  });
}

int fsync(int fd) {
  REAL(fsync);
  return Call("fsync", fd)([&] { return real(fd); });
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return Call("fdatasync", fd)([&] { return real(fd); });
}

int close(int fd) {
  REAL(close);
  // It is closed, whatever it says.
  const Call call("close", fd);
  const int result = real(fd);
  return call([&] { return result; });
}

int posix_fallocate(int fd, off_t offset, off_t size) {
  REAL(posix_fallocate);
  const int result = Call("allocate", fd, true)([&] { return real(fd, offset, size); });
  return result < 0 ? errno : result;
}

void* mmap(void* address, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  REAL(mmap);
  const auto map = [&] { return real(address, size, protection, flags, fd, offset); };
  return fd < 0 ? map() : Call("mmap", fd)(map, MAP_FAILED);
}

int rename(const char* from, const char* to) noexcept {
  REAL(rename);
  const bool removes = std::string_view(to).ends_with(".fence/removed");  // as the library does it
  const Call call(removes ? "remove" : "rename", removes ? from : to, !removes, {from, to});
  return call([&] { return real(from, to); });
}

int renameat2(int from_directory, const char* from, int to_directory, const char* to,
              unsigned int flags) noexcept {
  REAL(renameat2);
  return Call("rename", to, true, {from, to})([&] {
    if (links_setting().empty()) return real(from_directory, from, to_directory, to, flags);
    errno = EINVAL;
    return -1;
  });
}

int link(const char* from, const char* to) noexcept {
  REAL(link);
  return Call("link", to, true, {from, to})([&] {
    const std::string_view links = links_setting();
    if (links == "symbolic") return ::symlink(from, to);
    if (links != "none") return real(from, to);
    errno = EPERM;
    return -1;
  });
}

int unlink(const char* path) noexcept {
  REAL(unlink);
  return Call("unlink", path)([&] { return real(path); });
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  REAL(unlinkat);
  return Call("unlink", path)([&] { return real(directory, path, flags); });
}

int remove(const char* path) noexcept {
  REAL(remove);
  return Call("remove", path)([&] { return real(path); });
}

int rmdir(const char* path) noexcept {
  REAL(rmdir);
  return Call("remove", path)([&] { return real(path); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  REAL(mkdir);
  return Call("mkdir", path, true)([&] { return real(path, mode); });
}

int chmod(const char* path, mode_t mode) noexcept {
  REAL(chmod);
  return Call("chmod", path)([&] { return real(path, mode); });
}

int fchmod(int fd, mode_t mode) noexcept {
  REAL(fchmod);
  return Call("fchmod", fd)([&] { return real(fd, mode); });
}

int stat(const char* path, struct stat* status) noexcept {
  REAL(stat);
  return Call("stat", path)([&] { return real(path, status); });
}

int lstat(const char* path, struct stat* status) noexcept {
  REAL(lstat);
  return Call("stat", path)([&] { return real(path, status); });
}

int fstat(int fd, struct stat* status) noexcept {
  REAL(fstat);
  return Call("fstat", fd)([&] { return real(fd, status); });
}

int statvfs(const char* path, struct statvfs* status) noexcept {
  REAL(statvfs);
  return Call("statvfs", path)([&] { return real(path, status); });
}

}  // extern "C"
