#pragma once

#include <signal.h>

#include <memory>

namespace tasker::base {

/// Catches a signal for as long as it lives, instead of what the signal did before; also where the process
/// that started this one has blocked it. One at a time.
class CaughtSignal {
 public:
  /// The one that catches SIGUSR1 now, or a new one.
  static std::shared_ptr<const CaughtSignal> usr1();

  explicit CaughtSignal(int number);
  /// Restores what the signal did before; but once it has come, it does not end the process any more.
  ~CaughtSignal();
  CaughtSignal(const CaughtSignal&) = delete;
  CaughtSignal& operator=(const CaughtSignal&) = delete;

  /// Whether it has come.
  bool came() const;
  /// Readable once it has.
  int fd() const;

 private:
  int number_;
  struct sigaction before_ {};
  sigset_t mask_before_{};
};

}  // namespace tasker::base
