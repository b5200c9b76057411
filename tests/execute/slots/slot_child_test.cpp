#include "support/forked.hpp"
#include "support/isolated.hpp"
#include "support/variable.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <thread>

// What a task meets in a slot's child, and what becomes of both in the end.
namespace tasker::execute::slots {
namespace {

using namespace test;
using namespace std::chrono_literals;

TEST_CASE("The end of a slot ends its child, and what its task has started") {
  const base::Shared<std::array<std::atomic<pid_t>, 2>> pids;
  const auto end = std::chrono::steady_clock::now() + 60s;
  {
    Isolated map([&](int) {
      const pid_t started = ::fork();
      if (started > 0) {
        (*pids)[0] = ::getpid();
        (*pids)[1] = started;
      }
      std::this_thread::sleep_for(1h);
      return 0;
    });
    map.start({{0, 1}});
    while ((*pids)[1] == 0) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::yield();
    }
  }
  for (const pid_t pid : *pids)
    while (!is_gone(pid)) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::yield();
    }
}

TEST_CASE("What tasks have started ends when their rank is killed, or ends itself") {
  const bool killed = GENERATE(true, false);
  // They are copies of a slot's child, not programs: with all that it has open.
  const base::Shared<std::array<std::atomic<pid_t>, 2>> started;
  const base::Shared<std::atomic<bool>> ends;
  Forked rank([&] {
    Isolated map(
        [&](int x) {
          (*started)[static_cast<std::size_t>(x / 10)] = forked_sleeper();
          std::this_thread::sleep_for(1h);
          return 0;
        },
        2);
    map.start({{0, 1}});
    map.start({{1, 2}});
    while (!*ends) std::this_thread::sleep_for(1ms);
    ::_exit(1);
  });
  await([&] { return (*started)[0] > 0 && (*started)[1] > 0; });
  if (killed)
    rank.kill();
  else
    *ends = true;
  for (const auto& pid : *started) await([&] { return is_gone(pid); });
}

TEST_CASE("A task finds nothing on stdin, whatever its rank could read") {
  Isolated map([](int) { return std::system("head -c 1 | wc -c | grep -qx 0") + std::getchar(); }, 1);
  map.start({{0, 1}});
  CHECK(map.finish().failed == 0);
  CHECK(result<int>(map.sink.records.at(0)) == EOF);
}

TEST_CASE("A program that a task starts does not take itself for the rank") {
  constexpr std::array names = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK",       "PMI_RANK",
                                "SLURM_PROCID",         "SLURM_NTASKS",    "SLURM_STEP_NUM_TASKS",
                                "TASKER_HISTORY",       "TASKER_LAUNCHER", "TASKER_RETRIES"};
  std::deque<Variable> variables;
  for (const char* const name : names) variables.emplace_back(name, "1");
  Isolated map([&](int) {
    std::string left;
    for (const char* const name : names)
      if (std::getenv(name)) left += name + std::string(" ");
    return left;
  });
  map.start({{0, 1}});
  map.finish();
  CHECK(result<std::string>(map.sink.records.at(0)) == "SLURM_NTASKS TASKER_RETRIES ");
}

TEST_CASE("A signal that the rank ignores is ignored by its tasks, one that it catches is not caught") {
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGUSR1, [](int) {});
  Isolated map([](int x) {
    std::raise(x == 0 ? SIGHUP : SIGUSR1);
    return x;
  });
  map.start({{0, 2}});
  CHECK(map.finish().failed == 1);
  ::signal(SIGHUP, SIG_DFL);
  ::signal(SIGUSR1, SIG_DFL);
  CHECK(map.sink.records.at(0).outcome == store::Outcome::done);
  CHECK(map.sink.records.at(1).payload == "signal SIGUSR1");
}

}  // namespace
}  // namespace tasker::execute::slots
