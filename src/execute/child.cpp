#include "execute/child.hpp"

#include "base/file.hpp"
#include "execute/run_chunk.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <utility>

namespace tasker::execute {

Child::Child(const Work& work, SlotPage& page, Guard& guard) : work_(work), page_(page), guard_(guard) {
  auto [mine, theirs] = base::Pipe::make();
  if (work_.capture != Capture::none) output_.emplace(page.output);
  // What is said already is not said once more by the child.
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
  ::setpgid(pid_, pid_);  // the child does so, too: either may be first
  guard_.take(pid_);
  pipe_ = std::move(mine);
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));  // glibc 2.36 declares pidfd_open for C only
  if (pidfd_ >= 0) return;
  const int error = errno;
  reap();
  errno = error;
  base::throw_errno("watch", "a process for tasks");
}

Child::~Child() {
  if (pid_ > 0) reap();
  ::close(pidfd_);
}

void Child::signal(int number) const { ::kill(-pid_, number); }

ChildEnd Child::reap() {
  signal(SIGKILL);  // while it is not waited for, the group can be no other's
  guard_.release(pid_);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  ChildEnd end = end_of(status);
  if (output_) end.output = output_->rest();
  return end;
}

/// What a status, as waitpid gives it, means.
ChildEnd Child::end_of(int status) const {
  if (page_.trap == Trap::too_long) return {store::Outcome::timed_out, timeout_text(work_.limits)};
  if (!WIFSIGNALED(status))
    return {store::Outcome::crashed,
            "it ended its process, with exit code " + std::to_string(WEXITSTATUS(status))};
  const char* const name = ::sigabbrev_np(WTERMSIG(status));
  const std::string text = "signal " + (name ? "SIG" + std::string(name) : std::to_string(WTERMSIG(status)));
  switch (page_.trap.load()) {
    case Trap::no_memory: return {store::Outcome::out_of_memory, memory_text(work_.limits)};
    case Trap::stack_overflow: return {store::Outcome::crashed, "stack overflow (" + text + ")"};
    default: return {store::Outcome::crashed, text};
  }
}

}  // namespace tasker::execute
