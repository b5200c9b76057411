#include "base/event.hpp"

#include "base/file.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace tasker::base {

Event::Event() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) throw_errno("create", "an eventfd");
}

void Event::set() const {
  const std::uint64_t one = 1;
  (void)!::write(fd(), &one, sizeof one);
}

void Event::clear() const {
  std::uint64_t count = 0;
  (void)!::read(fd(), &count, sizeof count);
}

}  // namespace tasker::base
