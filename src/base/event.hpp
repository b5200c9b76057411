#pragma once

#include "base/descriptor.hpp"
#include "base/file.hpp"

#include <sys/eventfd.h>

namespace tasker::base {

/// Wakes a thread that sleeps in poll().
class Event {
 public:
  /// Throws SystemError.
  Event() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!fd_) throw_errno("create", "an eventfd");
  }

  /// Readable from `set` on until `clear`.
  int fd() const { return fd_.get(); }
  /// For any thread, and for signal handlers.
  void set() const { (void)::eventfd_write(fd(), 1); }
  void clear() const {
    eventfd_t count = 0;
    (void)::eventfd_read(fd(), &count);
  }

 private:
  Descriptor fd_;
};

}  // namespace tasker::base
