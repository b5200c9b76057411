#pragma once

#include "base/descriptor.hpp"

#include <utility>

namespace tasker::talk {

/// Has forked children close a descriptor at once, for as long as this lives. A child that goes on without
/// exec would keep the connection open, and nobody would notice the death of this process.
class Unshared {
 public:
  Unshared() = default;
  /// Does not own `fd`.
  explicit Unshared(int fd);
  Unshared(Unshared&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Unshared& operator=(Unshared&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Unshared() { lift(); }

  /// Ends it. False in a forked child: the descriptor is closed there, and its number may be another file's.
  bool lift();

 private:
  int fd_ = -1;
};

/// Owns such a descriptor, or none.
class UnsharedDescriptor {
 public:
  UnsharedDescriptor() = default;
  explicit UnsharedDescriptor(int fd) : fd_(fd), unshared_(fd) {}
  UnsharedDescriptor(UnsharedDescriptor&&) = default;
  UnsharedDescriptor& operator=(UnsharedDescriptor&&) = default;
  ~UnsharedDescriptor() {
    if (!unshared_.lift()) (void)fd_.release();
  }

  explicit operator bool() const { return bool{fd_}; }
  int get() const { return fd_.get(); }
  /// Gives it away, to somebody who has forked children close it, too.
  int release() {
    unshared_.lift();
    return fd_.release();
  }

 private:
  base::Descriptor fd_;
  Unshared unshared_;
};

}  // namespace tasker::talk
