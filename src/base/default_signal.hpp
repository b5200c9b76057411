#pragma once

#include <csignal>

namespace tasker::base {

/// A signal does for as long as this lives what it does by default.
class DefaultSignal {
 public:
  explicit DefaultSignal(int number) : number_(number) {
    struct sigaction plain {};
    plain.sa_handler = SIG_DFL;
    ::sigaction(number, &plain, &before_);
  }
  ~DefaultSignal() { restore(); }
  DefaultSignal(const DefaultSignal&) = delete;
  DefaultSignal& operator=(const DefaultSignal&) = delete;

  /// It does again what it did before: in a forked child, for which this does not count.
  void restore() const { ::sigaction(number_, &before_, nullptr); }

 private:
  int number_;
  struct sigaction before_ {};
};

}  // namespace tasker::base
