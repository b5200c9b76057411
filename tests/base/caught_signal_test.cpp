#include "base/caught_signal.hpp"

#include <catch2/catch.hpp>
#include <poll.h>

#include <csignal>

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

}  // namespace
}  // namespace tasker::base
