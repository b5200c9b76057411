#pragma once

#include <signal.h>

#include <initializer_list>

namespace tasker::base {

sigset_t signal_set(std::initializer_list<int> numbers);

/// Keeps SIGPIPE and SIGXFSZ from this thread for as long as the object lives. A write then fails with an
/// error, instead of ending the process, if nobody reads the pipe or the file has reached its size limit. The
/// program's handlers, its other threads and the programs that it starts are not affected.
class WithoutWriteSignals {
 public:
  WithoutWriteSignals();
  ~WithoutWriteSignals();  ///< Leaves errno as it is.
  WithoutWriteSignals(const WithoutWriteSignals&) = delete;
  WithoutWriteSignals& operator=(const WithoutWriteSignals&) = delete;

 private:
  sigset_t before_{};
};

/// Gives a signal its default action for as long as the object lives.
class DefaultSignal {
 public:
  explicit DefaultSignal(int number);
  ~DefaultSignal() { restore(); }
  DefaultSignal(const DefaultSignal&) = delete;
  DefaultSignal& operator=(const DefaultSignal&) = delete;

  /// Restores the old action early, for a forked child.
  void restore() const { ::sigaction(number_, &before_, nullptr); }

 private:
  int number_;
  struct sigaction before_ {};
};

}  // namespace tasker::base
