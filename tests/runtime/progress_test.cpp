#include "runtime/progress.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>

namespace tasker::runtime {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Progress is done, total, rate, time left, and who is idle") {
  CHECK(progress_text({.tasks = 1000, .done = 250, .workers = 4, .elapsed = 10s}) ==
        "250/1000 done (25 %), 25.0/s, 30.0 s left");
  CHECK(progress_text({.tasks = 1000, .done = 250, .failed = 3, .idle = 2, .workers = 4, .elapsed = 10s}) ==
        "250/1000 done (25 %), 3 failed, 25.0/s, 30.0 s left, 2 of 4 workers idle");
}

TEST_CASE("One is not many") {
  CHECK(count_text(1, "worker") == "1 worker");
  CHECK(count_text(0, "worker") == "0 workers");
  CHECK(progress_text({.tasks = 1000, .idle = 1, .workers = 1, .elapsed = 0s}) ==
        "0/1000 done (0 %), 1 of 1 worker idle");
}

TEST_CASE("Before the first task is done, nothing is said about a rate") {
  CHECK(progress_text({.tasks = 1000, .workers = 4, .elapsed = 10s}) == "0/1000 done (0 %)");
  CHECK(progress_text({.tasks = 1000, .idle = 4, .workers = 4, .elapsed = 0s}) ==
        "0/1000 done (0 %), 4 of 4 workers idle");
}

TEST_CASE("At the end nothing is left") {
  CHECK(progress_text({.tasks = 1000, .done = 1000, .workers = 4, .elapsed = 10s}) ==
        "1000/1000 done (100 %)");
  CHECK(progress_text({.elapsed = 10s}) == "0/0 done");
}

TEST_CASE("100 % are reached at the end only") {
  CHECK(progress_text({.tasks = 1000, .done = 999, .workers = 1, .elapsed = 999s}) ==
        "999/1000 done (99 %), 1.0/s, 1.0 s left");
}

TEST_CASE("A rate is told in the unit that fits it") {
  const auto [done, elapsed, rate] = GENERATE(table<std::uint64_t, base::Clock::duration, std::string>({
      {20'500'000, 1s, ", 20.5 M/s, "},
      {20'500, 1s, ", 20.5 k/s, "},
      {3, 2s, ", 1.5/s, "},
      {1, 2s, ", 30.0/min, "},
      {1, 1h, ", 1.0/h, "},
      {1, 40h, ", 0.0/h, "},
  }));
  CHECK_THAT(progress_text({.tasks = 100'000'000, .done = done, .workers = 1, .elapsed = elapsed}),
             Catch::Contains(rate));
}

TEST_CASE("What takes longer than a year takes years") {
  CHECK_THAT(progress_text({.tasks = 1'000'000'000, .done = 1, .workers = 1, .elapsed = 1h}),
             Catch::Contains("years left"));
  CHECK(remaining_text(3h + 5min) == "3 h 05 min");
  CHECK(remaining_text(std::chrono::duration<double>(1e30)) == "years");
  CHECK_THAT(progress_text({.tasks = 10, .done = 1, .workers = 1, .elapsed = 0s}),
             Catch::Contains("years left"));
}

TEST_CASE("Progress is due soon on a terminal, seldom in a log, and never when it is off") {
  const base::Time start{1h};
  CHECK(Reporter("a.dat", Progress::line, start).due() <= start + 1s);
  CHECK(Reporter("a.dat", Progress::log, start).due() >= start + 1s);
  CHECK(Reporter("a.dat", Progress::off, start).due() == base::Time::max());
}

}  // namespace
}  // namespace tasker::runtime
