#include "schedule/scheduler.hpp"
#include "support/scheduling.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <stdexcept>
#include <variant>

namespace tasker::schedule {
namespace {

using namespace std::chrono_literals;
using test::all_actions;

TEST_CASE("What a worker has in hand from another scheduler is not handed out, until it is given back") {
  Scheduler scheduler(IntervalSet({0, 3}), {}, {}, false, 1000);
  scheduler.join(1);
  scheduler.join(2);
  scheduler.adopt(1, 7, {{0, 2}});
  CHECK(scheduler.is_adopted(7));
  CHECK(scheduler.in_flight() == 2);
  const auto actions = all_actions(scheduler);
  REQUIRE(actions.size() == 1);
  const auto assign = std::get<Assign>(actions[0]);
  CHECK(assign.worker == 2);
  CHECK(assign.chunk == 1000);
  CHECK(assign.tasks == Ranges{{2, 3}});
  SECTION("it is done") {
    scheduler.done(1, 7, 1ms);
    CHECK(scheduler.done_tasks() == IntervalSet({0, 2}));
  }
  SECTION("its worker is gone") {
    scheduler.leave(1);
    CHECK(scheduler.pending_tasks() == IntervalSet({0, 2}));
  }
  SECTION("a part of it is left over") {
    CHECK(scheduler.done(1, 7, 1ms, {.left = {{1, 2}}}) == IntervalSet({1, 2}));
    CHECK(scheduler.pending_tasks() == IntervalSet({1, 2}));
  }
  SECTION("an answer to an earlier take-back changes nothing") {
    scheduler.returned(1, 7, 5);
    CHECK(scheduler.in_flight() == 3);
    scheduler.done(1, 7, 1ms);
    scheduler.returned(1, 7, 0);
    CHECK(scheduler.done_count() == 2);
  }
}

TEST_CASE("Of what is brought along only pending tasks count, and none of it is taken back") {
  Scheduler scheduler(IntervalSet({0, 6}), {}, {}, false, 1000);
  scheduler.found({{0, 4}});
  scheduler.join(1);
  scheduler.adopt(1, 7, {{3, 6}});
  CHECK(scheduler.in_flight() == 2);
  scheduler.join(2);
  CHECK(all_actions(scheduler).empty());
  scheduler.done(1, 7, 1ms);
  CHECK(scheduler.done_count() == 6);
  CHECK(scheduler.finished());
}

TEST_CASE("A chunk is adopted once, and by a worker that is known") {
  Scheduler scheduler(IntervalSet({0, 10}), {}, {}, false, 1000);
  CHECK_THROWS_AS(scheduler.adopt(1, 7, {{0, 1}}), std::invalid_argument);
  scheduler.join(1);
  scheduler.adopt(1, 7, {{0, 1}});
  CHECK_THROWS_AS(scheduler.adopt(1, 7, {{1, 2}}), std::invalid_argument);
}

TEST_CASE("A worker that is retired gets nothing more, and nothing waits for it") {
  Scheduler scheduler(IntervalSet({0, 4}));
  scheduler.join(1, 1, "a");
  scheduler.join(2, 1, "b");
  auto actions = all_actions(scheduler);
  REQUIRE(actions.size() == 2);
  scheduler.retire(1);
  CHECK_FALSE(scheduler.is_empty_handed(1));
  CHECK(scheduler.slots() == 1);
  const auto chunk_of = [&](int worker) {
    for (const Action& action : actions)
      if (std::get<Assign>(action).worker == worker) return std::get<Assign>(action);
    throw std::logic_error("it has none");
  };
  scheduler.done(1, chunk_of(1).chunk, 1ms);
  CHECK(scheduler.is_empty_handed(1));
  // A failed task would be tried on the other host first.
  const Assign failing = chunk_of(2);
  scheduler.done(2, failing.chunk, 1ms, {.failed = failing.tasks});
  std::uint64_t handed_out = 0;
  for (actions = all_actions(scheduler); !actions.empty(); actions = all_actions(scheduler))
    for (const Action& action : actions) {
      const auto assign = std::get<Assign>(action);
      CHECK(assign.worker == 2);
      handed_out += count(assign.tasks);
      scheduler.done(2, assign.chunk, 1ms);
    }
  CHECK(handed_out == 3);
  CHECK(scheduler.finished());
}

TEST_CASE("A worker may have less time than the others, or more") {
  Plan plan;
  plan.expected = [](std::uint64_t) { return 60.0; };
  Scheduler scheduler(IntervalSet({0, 2}), plan);
  scheduler.set_time(TimeFrame{base::Time(1h), 1h});
  scheduler.set_time(1, TimeFrame{base::Time(10s), 1h});
  scheduler.join(1);
  CHECK(all_actions(scheduler).empty());
  CHECK(scheduler.finished());
  scheduler.join(2);
  auto actions = all_actions(scheduler);
  REQUIRE(actions.size() == 1);
  CHECK(std::get<Assign>(actions[0]).worker == 2);
  scheduler.set_time(TimeFrame{base::Time(10s), 1h});
  scheduler.set_time(3, std::nullopt);
  scheduler.join(3);
  actions = all_actions(scheduler);
  REQUIRE(actions.size() == 1);
  CHECK(std::get<Assign>(actions[0]).worker == 3);
}

}  // namespace
}  // namespace tasker::schedule
