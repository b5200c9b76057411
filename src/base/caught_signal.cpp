#include "base/caught_signal.hpp"

#include "base/event.hpp"
#include "base/process.hpp"
#include "base/signals.hpp"

#include <atomic>
#include <cerrno>

namespace tasker::base {

namespace {

/// What the signal handler reads. A forked child inherits the handler, and its parent's event with it.
std::atomic<const Event*> event = nullptr;  // outlives every CaughtSignal: the handler may still be running
std::atomic<pid_t> caught_by = 0;
std::atomic<bool> has_come = false;  // `came` is called too often for a system call

void on_signal(int) {
  if (caught_by != process_id()) return;
  has_come = true;
  const int error = errno;
  event.load()->set();
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
  if (caught_by != process_id()) {
    // In a forked child the inherited handler may run already. It does nothing until `caught_by` is set,
    // last.
    delete event.exchange(new Event());
    caught_by = process_id();
  }
  event.load()->clear();
  has_come = false;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // system calls of fn are not interrupted
  ::sigaction(number_, &action, &before_);
  const sigset_t one = signal_set({number_});
  ::pthread_sigmask(SIG_UNBLOCK, &one, &mask_before_);
}

CaughtSignal::~CaughtSignal() {
  // A launcher may send the signal a second time. It has had its effect, and must not end the process now.
  if ((came() || is_late_) && before_.sa_handler == SIG_DFL) before_.sa_handler = SIG_IGN;
  // A signal that was blocked is blocked again before its old action returns, which may end the process.
  const sigset_t one = signal_set({number_});
  if (::sigismember(&mask_before_, number_) != 0) ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
  ::sigaction(number_, &before_, nullptr);
}

bool CaughtSignal::came() const { return has_come; }

int CaughtSignal::fd() const { return event.load()->fd(); }

}  // namespace tasker::base
