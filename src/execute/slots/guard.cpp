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

/// What the guard does, from its fork on. It writes little, as its memory is the rank's, copied on write.
[[noreturn]] void stand_guard(int pipe) noexcept {
  // A signal to the whole terminal or process group must not end it early, nor a kill by the program's name.
  ::setsid();
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  // Inherited descriptors must not keep the rank's files and connections open.
  ::dup2(pipe, 0);
  if (::close_range(1, UINT_MAX, 0) != 0) ::_exit(1);  // before Linux 5.9: better no guard than that
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
  // The rank is gone and has not released these groups. No stranger has their ids: a group keeps its id while
  // it has a member, and the id of one that has just ended is used again only after all other ids.
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

void Guard::tell(pid_t change) {
  std::string bytes;
  detail::put(bytes, std::int32_t{change});
  pipe_.post(std::move(bytes));  // does not wait, even if somebody has stopped the guard
}

}  // namespace tasker::execute::slots
