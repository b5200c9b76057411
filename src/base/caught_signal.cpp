#include "base/caught_signal.hpp"

#include "base/file.hpp"
#include "base/process.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace tasker::base {

namespace {

/// All that the handler may use. A copy of the process has the same handler, and shares the eventfd.
std::atomic<int> event = -1;  // once made, it stays open: a handler may be at it whenever an object goes
std::atomic<pid_t> process = 0;
std::atomic<bool> has_come = false;  // asked after every event, which a system call is too much for

void on_signal(int) {
  if (process != process_id()) return;
  has_come = true;
  const int error = errno;
  const std::uint64_t one = 1;
  (void)!::write(event, &one, sizeof one);
  errno = error;
}

}  // namespace

std::shared_ptr<const CaughtSignal> CaughtSignal::usr1() {
  static std::weak_ptr<const CaughtSignal> known;
  auto caught = known.lock();
  if (!caught) known = caught = std::make_shared<const CaughtSignal>(SIGUSR1);
  return caught;
}

CaughtSignal::CaughtSignal(int number) : number_(number) {
  if (process != process_id()) {
    // The handler may be there already, of the process that this one is a copy of: `process` comes last.
    const int made = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made < 0) throw_errno("create", "an eventfd");
    event = made;
    process = process_id();
  }
  std::uint64_t come_before = 0;
  (void)!::read(event, &come_before, sizeof come_before);
  has_come = false;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // what fn does is not disturbed
  ::sigaction(number_, &action, &before_);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, number_);
  ::pthread_sigmask(SIG_UNBLOCK, &one, &mask_before_);
}

CaughtSignal::~CaughtSignal() {
  // A launcher may pass it on once more, when it has had its effect.
  if (came() && before_.sa_handler == SIG_DFL) before_.sa_handler = SIG_IGN;
  // Where it was blocked it is so again first: the action before may be the process's end.
  if (::sigismember(&mask_before_, number_) != 0) {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, number_);
    ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
  }
  ::sigaction(number_, &before_, nullptr);
}

bool CaughtSignal::came() const { return has_come; }

int CaughtSignal::fd() const { return event; }

}  // namespace tasker::base
