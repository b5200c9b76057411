#pragma once

namespace tasker::base {

/// Wakes a thread that sleeps in poll().
class Event {
 public:
  /// Throws SystemError.
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// Readable from `set` on until `clear`.
  int fd() const { return fd_; }
  /// By any thread.
  void set() const;
  void clear() const;

 private:
  int fd_;
};

}  // namespace tasker::base
