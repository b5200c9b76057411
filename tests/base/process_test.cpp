#include "base/process.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>

namespace tasker::base {
namespace {

/// A process that waits until it is killed.
class Child {
 public:
  Child() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    id_ = this_process();
    id_.pid = ::fork();
    if (id_.pid == 0) {
      const std::uint64_t started = this_process().started;
      (void)!::write(ends[1], &started, sizeof started);
      for (;;) ::pause();
    }
    REQUIRE(::read(ends[0], &id_.started, sizeof id_.started) == sizeof id_.started);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~Child() {
    kill();
    ::waitpid(static_cast<pid_t>(id_.pid), nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  const ProcessId& id() const { return id_; }
  /// When it returns, the child has ended; it stays a zombie.
  void kill() const {
    ::kill(static_cast<pid_t>(id_.pid), SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(id_.pid), &info, WEXITED | WNOWAIT);
  }

 private:
  ProcessId id_;
};

TEST_CASE("This process lives, another with its number does not") {
  ProcessId process = this_process();
  CHECK(process.pid == ::getpid());
  CHECK(process.started > 0);
  CHECK_FALSE(process.host.empty());
  CHECK(life_of(process) == Life::alive);
  ++process.started;
  CHECK(life_of(process) == Life::dead);
}

TEST_CASE("A killed process is dead at once, also while nobody has waited for it") {
  const Child child;
  CHECK(life_of(child.id()) == Life::alive);
  child.kill();
  CHECK(life_of(child.id()) == Life::dead);
}

TEST_CASE("Numbers that no process has are dead, hosts that are not this one unknown") {
  ProcessId process = this_process();
  for (const std::int64_t pid : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{INT_MAX} + 1, INT64_MIN}) {
    process.pid = pid;
    CHECK(life_of(process) == Life::dead);
  }
  process = this_process();
  process.boot = "another host";
  CHECK(life_of(process) == Life::unknown);
  process.boot = "";
  CHECK(life_of(process) == Life::unknown);
}

TEST_CASE("The build id names this program") {
  CHECK(build_id().size() >= 16);
  CHECK(build_id() == build_id());
}

/// How a copy of this process ends that does this.
template <class Fn>
int end_of_copy(Fn fn) {
  const pid_t copy = ::fork();
  if (copy == 0) {
    fn();
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(copy, &status, 0) == copy);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

TEST_CASE("A copy of a process knows that it is another one, and so does a copy of the copy") {
  const Maker maker;
  CHECK(process_id() == ::getpid());
  CHECK(maker.is_here());
  const auto knows = [&] {
    const Maker its_own;
    if (process_id() != ::getpid() || maker.is_here() || !its_own.is_here()) ::_exit(1);
  };
  CHECK(end_of_copy([&] {
          knows();
          ::_exit(end_of_copy(knows));
        }) == 0);
  CHECK(maker.is_here());
}

TEST_CASE("A copy that is forked in code of the program's comes no farther than to its end") {
  const auto fork_inside = [](bool ends) {
    return end_of_copy([&] {
      int status = -1;
      {
        const NoCopies guard("a test");
        const pid_t copy = ::fork();
        if (copy == 0 && ends) ::_exit(7);
        if (copy != 0) ::waitpid(copy, &status, 0);
      }
      ::_exit(WEXITSTATUS(status));
    });
  };
  CHECK(fork_inside(true) == 7);
  CHECK(fork_inside(false) == exit_failed);
}

}  // namespace
}  // namespace tasker::base
