#include "support/root.hpp"

#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace tasker::test {

namespace {

constexpr uid_t nobody = 65534;

struct Counter {
  int not_run = 0;
  ~Counter() {
    if (not_run > 0) std::fprintf(stderr, "needs root: %d tests did not run\n", not_run);
  }
};

}  // namespace

bool may_as_root(const std::string& test) {
  static Counter counter;
  if (::geteuid() == 0) return true;
  ++counter.not_run;
  std::fprintf(stderr, "needs root: %s\n", test.c_str());
  return false;
}

std::string as_nobody(const std::function<void()>& act) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no child");
  if (child == 0) {
    std::string thrown;
    try {
      if (::setgid(nobody) != 0 || ::setuid(nobody) != 0) throw std::runtime_error("cannot become nobody");
      act();
    } catch (const std::exception& error) {
      thrown = error.what();
    }
    const bool written =
        ::write(ends[1], thrown.data(), thrown.size()) == static_cast<ssize_t>(thrown.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string thrown;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    thrown.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  if (::waitpid(child, &status, 0) != child || status != 0) throw std::runtime_error("the child died");
  return thrown;
}

SmallDisk::SmallDisk(std::string mount_point) : mount_point_(std::move(mount_point)) {
  if (::mount("tmpfs", mount_point_.c_str(), "tmpfs", 0, "size=1m") != 0)
    throw std::runtime_error(std::string("cannot mount a small disk: ") + std::strerror(errno));
}
SmallDisk::~SmallDisk() { ::umount2(mount_point_.c_str(), MNT_DETACH); }

}  // namespace tasker::test
