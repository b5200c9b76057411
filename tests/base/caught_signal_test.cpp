#include "base/caught_signal.hpp"

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string_view>

namespace tasker::base {
namespace {

int calls = 0;

TEST_CASE("A caught signal is known, wakes a poll, and afterwards does what it did before") {
  std::signal(SIGUSR1, [](int) { ++calls; });
  {
    const auto caught = CaughtSignal::usr1();
    CHECK(CaughtSignal::usr1() == caught);
    CHECK_FALSE(caught->came());
    std::raise(SIGUSR1);
    std::raise(SIGUSR1);
    CHECK(caught->came());
    CHECK(caught->came());
    pollfd here{caught->fd(), POLLIN, 0};
    CHECK(::poll(&here, 1, 0) == 1);
    CHECK(calls == 0);
  }
  std::raise(SIGUSR1);
  CHECK(calls == 1);
  CHECK_FALSE(CaughtSignal::usr1()->came());
  std::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("A signal that was blocked is caught all the same, and blocked again afterwards") {
  sigset_t one;
  sigset_t now;
  ::sigemptyset(&one);
  ::sigaddset(&one, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
  {
    const auto caught = CaughtSignal::usr1();
    std::raise(SIGUSR1);
    CHECK(caught->came());
  }
  ::pthread_sigmask(SIG_UNBLOCK, &one, &now);
  CHECK(::sigismember(&now, SIGUSR1) == 1);
}

TEST_CASE("A late handler writes to nobody's file, and a copy of the process not to its own") {
  int event = -1;
  {
    const auto caught = CaughtSignal::usr1();
    event = caught->fd();
    std::raise(SIGUSR1);
  }
  const auto again = CaughtSignal::usr1();
  CHECK(again->fd() == event);  // it was never another file's meanwhile
  CHECK_FALSE(again->came());
  const pid_t copy = ::fork();
  if (copy == 0) {
    std::raise(SIGUSR1);
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(copy, &status, 0) == copy);
  CHECK(status == 0);
  pollfd here{event, POLLIN, 0};
  CHECK(::poll(&here, 1, 0) == 0);
}

TEST_CASE("A signal that has come, here or elsewhere, does not end the process when it comes late") {
  for (const std::string_view comes : {"here", "elsewhere", "nowhere"}) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::signal(SIGUSR1, SIG_DFL);
      {
        const auto caught = CaughtSignal::usr1();
        if (comes == "here") std::raise(SIGUSR1);
        if (comes == "elsewhere") caught->expect_late();
      }
      std::raise(SIGUSR1);
      ::_exit(7);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 7) == (comes != "nowhere"));
  }
}

}  // namespace
}  // namespace tasker::base
