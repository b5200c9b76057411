#pragma once

#include "base/descriptor.hpp"

namespace tasker::base {

/// Wakes a thread that sleeps in poll().
class Event {
 public:
  /// Throws SystemError.
  Event();

  /// Readable from `set` on until `clear`.
  int fd() const { return fd_.get(); }
  /// By any thread.
  void set() const;
  void clear() const;

 private:
  Descriptor fd_;
};

}  // namespace tasker::base
