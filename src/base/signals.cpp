#include "base/signals.hpp"

#include <cerrno>
#include <ctime>

namespace tasker::base {

sigset_t signal_set(std::initializer_list<int> numbers) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : numbers) ::sigaddset(&set, number);
  return set;
}

WithoutWriteSignals::WithoutWriteSignals() {
  const sigset_t both = signal_set({SIGPIPE, SIGXFSZ});
  ::pthread_sigmask(SIG_BLOCK, &both, &before_);
}

WithoutWriteSignals::~WithoutWriteSignals() {
  const int error = errno;
  sigset_t ours = signal_set({});  // those that only this object has blocked: failed writes have raised them
  for (const int number : {SIGPIPE, SIGXFSZ})
    if (::sigismember(&before_, number) == 0) ::sigaddset(&ours, number);
  const timespec at_once{};
  while (::sigtimedwait(&ours, nullptr, &at_once) > 0) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  errno = error;
}

DefaultSignal::DefaultSignal(int number) : number_(number) {
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(number, &plain, &before_);
}

}  // namespace tasker::base
