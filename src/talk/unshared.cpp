#include "talk/unshared.hpp"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>

namespace tasker::talk {

namespace {

/// Which descriptors are unshared: a forked child closes them first. The child may neither lock nor allocate,
/// since other threads may have held the lock when the process was forked.
std::array<std::atomic<bool>, std::size_t{1} << 16> unshared;  // any above stay open in a child

bool is_listed(int fd) { return fd >= 0 && static_cast<std::size_t>(fd) < unshared.size(); }

void close_unshared() {
  for (std::size_t fd = 0; fd < unshared.size(); ++fd)
    if (unshared[fd]) {
      unshared[fd] = false;
      ::close(static_cast<int>(fd));
    }
}

[[maybe_unused]] const int registered = ::pthread_atfork(nullptr, nullptr, close_unshared);

}  // namespace

Unshared::Unshared(int fd) : fd_(fd) {
  if (is_listed(fd)) unshared[static_cast<std::size_t>(fd)] = true;
}

bool Unshared::lift() {
  const int fd = std::exchange(fd_, -1);
  return !is_listed(fd) || unshared[static_cast<std::size_t>(fd)].exchange(false);
}

}  // namespace tasker::talk
