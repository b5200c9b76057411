#include "runtime/abandon.hpp"

#include "support/scheduling.hpp"

#include <catch2/catch.hpp>

#include <chrono>

namespace tasker::runtime {
namespace {

using namespace std::chrono_literals;
using base::IntervalSet;
using base::Ranges;

TEST_CASE("Of a worker that nobody waits for, what is recorded counts, and what was under way is known") {
  schedule::Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  // Two chunks of several tasks: the first is under way, the second waits.
  const auto held = test::learn(scheduler, 1ms, 100);
  REQUIRE(held.size() == 2);
  const base::Range first = held[0].tasks.front();
  REQUIRE(first.size() > 3);
  const std::uint64_t done = scheduler.done_count();
  const std::uint64_t pending = scheduler.pending();
  talk::Tally tally;
  const base::Time now = base::Time() + 10s;

  const auto abandon_with = [&](const IntervalSet& recorded) {
    return abandon(scheduler, tally, 1, 1, true, now, [&](const IntervalSet& tasks) {
      CHECK(tasks.size() == count(held[0].tasks) + count(held[1].tasks));
      return recorded;
    });
  };
  SECTION("in the middle of the first") {
    const auto unfinished = abandon_with(IntervalSet({first.first, first.first + 3}));
    REQUIRE(unfinished.size() == 1);
    CHECK(unfinished[0].tasks == Ranges{{first.first + 3, first.last}});
    CHECK(unfinished[0].lasted == 0s);
    CHECK(tally.tasks == 3);
    CHECK(scheduler.done_count() == done + 3);
  }
  SECTION("in the second, since the first has ended and nobody was told") {
    const auto unfinished = abandon_with(IntervalSet(first));
    REQUIRE(unfinished.size() == 1);
    CHECK(unfinished[0].tasks == held[1].tasks);
    CHECK(unfinished[0].lasted == 0s);
    CHECK(tally.tasks == first.size());
  }
  CHECK(scheduler.pending() + scheduler.done_count() == 1000);
  CHECK(scheduler.pending() > pending);
  CHECK(scheduler.in_flight() == 0);
}

TEST_CASE(
    "How long a task has lasted is known where it was alone; then only a worker that is gone has kept "
    "quiet") {
  const bool is_gone = GENERATE(true, false);
  schedule::Scheduler scheduler(IntervalSet({0, 10}));
  scheduler.join(1);
  test::only_assign(scheduler, base::Time() + 1s);
  talk::Tally tally;
  std::uint64_t asked = 0;
  const auto unfinished =
      abandon(scheduler, tally, 1, 1, is_gone, base::Time() + 10s, [&](const IntervalSet& tasks) {
        asked = tasks.size();
        return IntervalSet();
      });
  REQUIRE(unfinished.size() == 1);
  CHECK(unfinished[0].tasks == Ranges{{0, 1}});
  CHECK(unfinished[0].lasted == 9s);
  CHECK(asked == (is_gone ? 1 : 0));
}

}  // namespace
}  // namespace tasker::runtime
