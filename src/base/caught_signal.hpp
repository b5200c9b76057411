#pragma once

#include <signal.h>

#include <atomic>
#include <memory>

namespace tasker::base {

/// Catches a signal for as long as the object lives, even if the parent process had blocked it. At most one
/// object at a time.
class CaughtSignal {
 public:
  /// The object that catches SIGUSR1 now, or a new one.
  static std::shared_ptr<const CaughtSignal> usr1();

  explicit CaughtSignal(int number);
  /// Restores the signal's old action. If the signal has come, or may come late, and would end the process,
  /// it is ignored instead.
  ~CaughtSignal();
  CaughtSignal(const CaughtSignal&) = delete;
  CaughtSignal& operator=(const CaughtSignal&) = delete;

  /// Other processes have got the signal, and this one may get it late: it is ignored after the object's end.
  void expect_late() const { is_late_ = true; }
  /// Whether the signal has come.
  bool came() const;
  /// Readable once the signal has come.
  int fd() const;

 private:
  int number_;
  struct sigaction before_ {};
  sigset_t mask_before_{};
  mutable std::atomic<bool> is_late_ = false;
};

}  // namespace tasker::base
