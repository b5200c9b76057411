#include "execute/slots/child.hpp"

#include "base/file.hpp"
#include "base/retried.hpp"
#include "base/units.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <thread>
#include <utility>

namespace tasker::execute::slots {

using namespace std::chrono_literals;

namespace {

constexpr auto moment = 1s;  // how long a killed process is waited for
constexpr const char* unknown_end =
    "it ended its process; how is not known, since something else has waited for that process";

std::string signal_text(int number) {
  const char* const name = ::sigabbrev_np(number);
  return "signal " + (name ? "SIG" + std::string(name) : std::to_string(number));
}

}  // namespace

Child::Child(const Work& work, SlotPage& page, Guard& guard) : work_(work), page_(page), guard_(guard) {
  auto [mine, theirs] = base::Pipe::make();
  if (work_.options().capture != Capture::none) output_.emplace(page.output);
  // Else the child, too, would write what is in these buffers.
  std::cout.flush();
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) base::throw_errno("start", "a process for tasks");
  if (pid_ == 0) {
    mine.close();
    guard_.leave();
    serve(std::move(theirs), parent, page, work, output());
  }
  if (output_) output_->close_writing();
  ::setpgid(pid_, pid_);  // the child does so, too: which of the two is first is open
  guard_.take(pid_);
  pipe_ = std::move(mine);
  pidfd_ = base::Descriptor(
      static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));  // glibc 2.36 declares pidfd_open for C only
  if (pidfd_) return;
  const int error = errno;
  reap();
  base::throw_errno("watch", "a process for tasks", error);
}

Child::~Child() {
  if (pid_ > 0) reap();
}

void Child::signal(int number) const {
  ::kill(-pid_, number);
  // The child itself may have left its group.
  if (pidfd_ && ::getpgid(pid_) != pid_) ::syscall(SYS_pidfd_send_signal, pidfd(), number, nullptr, 0);
}

ChildEnd Child::reap() {
  signal(SIGKILL);  // until the child is waited for, no other group can have its id
  guard_.release(pid_);
  ChildEnd end = end_of(wait());
  pid_ = -1;
  if (output_) end.output = output_->rest();
  return end;
}

/// The child's status from waitpid; nothing if it does not end, or somebody else has waited for it.
std::optional<int> Child::wait() const {
  const auto deadline = std::chrono::steady_clock::now() + moment;
  pollfd ended{pidfd(), POLLIN, 0};
  base::retried([&] { return ::poll(&ended, 1, static_cast<int>(moment / 1ms)); });
  for (;;) {
    int status = 0;
    const pid_t found = base::retried([&] { return ::waitpid(pid_, &status, WNOHANG); });
    if (found > 0) return status;
    // poll() may say that it has ended and waitpid not yet: a debugger of the child hears of it first.
    if (found < 0 || std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(1ms);
  }
}

/// What a status from waitpid means.
ChildEnd Child::end_of(std::optional<int> status) const {
  const Options& options = work_.options();
  if (page_.trap == Trap::too_long)
    return {store::Outcome::timed_out,
            "it lasted longer than its timeout of " + base::duration_text(options.timeout)};
  if (status && !WIFSIGNALED(*status))
    return {store::Outcome::crashed,
            "it ended its process, with exit code " + std::to_string(WEXITSTATUS(*status))};
  const std::string text = status ? signal_text(WTERMSIG(*status)) : unknown_end;
  switch (page_.trap.load()) {
    case Trap::no_memory:
      return {store::Outcome::out_of_memory,
              "it took more memory than its limit of " + base::size_text(options.memory_limit)};
    case Trap::stack_overflow: return {store::Outcome::crashed, "stack overflow (" + text + ")"};
    default: return {store::Outcome::crashed, text};
  }
}

}  // namespace tasker::execute::slots
