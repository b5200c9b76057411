#include "base/without_signals.hpp"

#include <cerrno>
#include <ctime>

namespace tasker::base {

namespace {
constexpr int numbers[] = {SIGPIPE, SIGXFSZ};
}  // namespace

WithoutSignals::WithoutSignals() {
  sigset_t both;
  ::sigemptyset(&both);
  for (const int number : numbers) ::sigaddset(&both, number);
  ::pthread_sigmask(SIG_BLOCK, &both, &before_);
}

WithoutSignals::~WithoutSignals() {
  const int error = errno;
  sigset_t ours;  // sent to this thread, by its own call
  ::sigemptyset(&ours);
  for (const int number : numbers)
    if (::sigismember(&before_, number) == 0) ::sigaddset(&ours, number);
  const timespec at_once{};
  while (::sigtimedwait(&ours, nullptr, &at_once) > 0) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  errno = error;
}

}  // namespace tasker::base
