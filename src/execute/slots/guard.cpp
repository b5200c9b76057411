#include "execute/slots/guard.hpp"

#include "base/file.hpp"
#include "base/retried.hpp"

#include <tasker/detail/bytes.hpp>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

namespace tasker::execute::slots {

namespace {

/// What the guard does, from its fork on. Its memory is the rank's, copied on write: it writes little.
[[noreturn]] void stand_guard(int pipe) noexcept {
  // Neither a signal that is meant for all (of a terminal, a process group) nor a kill by the program's name
  // may end it before its time has come.
  ::setsid();
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  // Inherited descriptors must not keep the rank's files and connections open.
  ::dup2(pipe, 0);
  if (::close_range(1, UINT_MAX, 0) != 0) ::_exit(1);  // before Linux 5.9: rather no guard than such a one
  ::prctl(PR_SET_NAME, "tasker-guard");
  base::Pipe rank(0);
  std::set<pid_t> groups;
  while (const auto message = rank.receive()) {
    const auto change = detail::Reader(*message).number<std::int32_t>();
    if (change > 0)
      groups.insert(change);
    else
      groups.erase(-change);
  }
  // The rank is gone without having released these. A group keeps its id for as long as it has a member, and
  // ids are handed out in a cycle: one whose last member ended just now becomes a stranger's only when all
  // others were used since.
  for (const pid_t group : groups) ::kill(-group, SIGKILL);
  ::_exit(0);
}

}  // namespace

Guard::Guard() {
  auto [mine, theirs] = base::Pipe::make();
  pid_ = ::fork();
  if (pid_ < 0) base::throw_errno("start", "a process that guards those for tasks");
  if (pid_ == 0) stand_guard(theirs.fd());
  pipe_ = std::move(mine);
}

Guard::~Guard() {
  ::kill(pid_, SIGKILL);
  base::retried([this] { return ::waitpid(pid_, nullptr, 0); });
}

void Guard::take(pid_t group) { tell(group); }

void Guard::release(pid_t group) { tell(-group); }

void Guard::tell(pid_t change) {
  std::string bytes;
  detail::put(bytes, std::int32_t{change});
  pipe_.post(std::move(bytes));  // should somebody have killed or stopped the guard, all goes on without
}

}  // namespace tasker::execute::slots
