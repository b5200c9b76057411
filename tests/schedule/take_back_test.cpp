#include "schedule/scheduler.hpp"
#include "support/scheduling.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <deque>
#include <stdexcept>
#include <variant>

namespace tasker::schedule {
namespace {

using namespace std::chrono_literals;
using test::all_actions;
using test::learn;
using test::only_assign;
using test::only_take_back;

/// Finishes `held` and what is handed out from now on, until tasks are taken back.
TakeBack run_dry(Scheduler& scheduler, std::deque<Assign> held, base::Clock::duration task) {
  for (;;) {
    for (const Action& action : all_actions(scheduler)) {
      if (const auto* take_back = std::get_if<TakeBack>(&action)) return *take_back;
      held.push_back(std::get<Assign>(action));
    }
    const Assign first = held.front();
    held.pop_front();
    scheduler.done(first.worker, first.chunk, static_cast<int>(count(first.tasks)) * task);
  }
}

/// Worker 1 has begun a chunk and has another behind it; worker 2 has finished all others and is idle.
struct RunDry {
  Scheduler scheduler{IntervalSet({0, 1000})};
  Assign begun;
  Assign waiting;
  TakeBack asked;
  base::Time now{40ms};

  explicit RunDry(base::Clock::duration task = 4ms) {
    scheduler.join(1);
    const auto held = learn(scheduler, task, 500);
    begun = held.at(0);
    waiting = held.at(1);
    scheduler.join(2);
    asked = run_dry(scheduler, {}, task);
  }
};

TEST_CASE("When one runs dry, what a busy worker has not started is taken back, the last chunk first") {
  RunDry run;
  CHECK(run.asked.worker == 1);
  CHECK(run.asked.chunk == run.waiting.chunk);
  CHECK(count(run.waiting.tasks) == 10);
}

TEST_CASE("A take-back counts only when it is confirmed") {
  RunDry run;
  CHECK(run.scheduler.pending() == 0);
  CHECK(run.scheduler.in_flight() == 20);
  CHECK(all_actions(run.scheduler, run.now).empty());

  run.scheduler.returned(1, run.waiting.chunk, 5);
  CHECK(run.scheduler.pending() == 5);
  CHECK(run.scheduler.in_flight() == 15);
  const Assign assign = only_assign(run.scheduler, run.now);
  CHECK(assign.worker == 2);
  CHECK(assign.tasks.front().first == run.waiting.tasks.front().first + 5);
}

TEST_CASE("A chunk is asked once at a time, and never again once all of it has been started") {
  RunDry run;
  run.scheduler.join(3);  // two idle workers: one take-back for each
  CHECK(only_take_back(run.scheduler, run.now).chunk == run.begun.chunk);
  run.scheduler.join(4);
  CHECK(all_actions(run.scheduler, run.now).empty());

  run.scheduler.returned(1, run.begun.chunk, 10);
  run.scheduler.returned(1, run.waiting.chunk, 10);
  CHECK(all_actions(run.scheduler, run.now + 1h).empty());
  CHECK(run.scheduler.in_flight() == 20);
}

TEST_CASE("A chunk that gave something is asked again, until all is given or started") {
  RunDry run;
  std::uint64_t kept = 10;
  while (kept > 0) {
    kept /= 2;
    run.scheduler.returned(1, run.waiting.chunk, kept);
    while (auto action = run.scheduler.next(run.now)) {
      const auto* assign = std::get_if<Assign>(&*action);
      if (assign == nullptr) break;
      run.scheduler.done(assign->worker, assign->chunk, 1us);
    }
  }
  CHECK(run.scheduler.in_flight() == 10);
  CHECK(run.scheduler.done_count() == 990);
}

TEST_CASE("What was taken back waits for an idle worker, and is not put behind another chunk") {
  RunDry run;
  run.scheduler.done(1, run.begun.chunk, 40ms);
  run.scheduler.returned(1, run.waiting.chunk, 3);
  CHECK(only_assign(run.scheduler, run.now).worker == 2);
  CHECK(run.scheduler.pending() > run.scheduler.workers());
}

TEST_CASE("A chunk whose task hangs is asked for what is behind it") {
  RunDry run;
  run.scheduler.returned(1, run.waiting.chunk, 0);
  while (run.scheduler.done_count() < 990) {
    const Assign assign = only_assign(run.scheduler, run.now);
    run.scheduler.done(2, assign.chunk, static_cast<int>(count(assign.tasks)) * 4ms);
  }
  CHECK(only_take_back(run.scheduler, run.now + 24h).chunk == run.begun.chunk);
  run.scheduler.returned(1, run.begun.chunk, 1);
  CHECK(run.scheduler.pending() == 9);
}

TEST_CASE("The answer to a take-back may cross the report, or come after its worker was given up") {
  RunDry run;
  run.scheduler.done(1, run.begun.chunk, 40ms);
  run.scheduler.done(1, run.waiting.chunk, 40ms);
  CHECK(run.scheduler.finished());
  run.scheduler.returned(1, run.waiting.chunk, 5);
  CHECK(run.scheduler.finished());
  CHECK(run.scheduler.done_tasks() == IntervalSet({0, 1000}));

  RunDry lost;
  lost.scheduler.leave(1);
  CHECK(lost.scheduler.pending() == 20);
  lost.scheduler.returned(1, lost.waiting.chunk, 5);
  CHECK(lost.scheduler.pending() == 20);
}

TEST_CASE("When an asked chunk is reported instead of answered, another is asked in its place") {
  RunDry run;
  run.scheduler.done(1, run.waiting.chunk, 40ms);
  CHECK(only_take_back(run.scheduler, run.now).chunk == run.begun.chunk);
}

TEST_CASE("After a worker is lost at the end, its tasks are prefetched again while there are plenty") {
  RunDry run;
  run.scheduler.leave(1);
  const auto actions = all_actions(run.scheduler, run.now);
  CHECK(actions.size() == 2);
  for (const Action& action : actions) CHECK(std::get<Assign>(action).worker == 2);
}

TEST_CASE("An idle slot gets what is taken back from its own worker, after a worker with nothing to do") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1, 3);
  auto held = learn(scheduler, 4ms, 500);
  const Assign first = held.at(0);
  const Assign second = held.at(1);
  held.erase(held.begin(), held.begin() + 2);
  const TakeBack asked = run_dry(scheduler, held, 4ms);
  CHECK(asked.worker == 1);
  CHECK(asked.chunk == second.chunk);
  CHECK(scheduler.idle_slots() == 1);

  scheduler.join(2);
  CHECK(only_take_back(scheduler).chunk == first.chunk);
  scheduler.returned(1, first.chunk, 5);
  const auto actions = all_actions(scheduler);
  REQUIRE(actions.size() == 2);
  CHECK(std::get<Assign>(actions[0]).worker == 2);
  CHECK(std::get<Assign>(actions[1]).worker == 1);
}

TEST_CASE("A chunk that waits is expected to begin when the first slot is free") {
  Scheduler scheduler(IntervalSet({0, 2000}));
  scheduler.join(1, 2);
  scheduler.join(2);
  std::deque<ChunkId> of_1;
  std::deque<ChunkId> of_2;
  for (const Assign& assign : learn(scheduler, 4ms, 1000)) {
    CHECK(count(assign.tasks) == 10);
    (assign.worker == 1 ? of_1 : of_2).push_back(assign.chunk);
  }
  REQUIRE(of_1.size() == 4);
  REQUIRE(of_2.size() == 2);
  scheduler.returned(1, of_1[0], 3);  // so that this worker's chunks end after 12, 40, 52 and 80 ms
  scheduler.returned(2, of_2[0], 6);  // after 24 and 64 ms

  scheduler.join(3);
  CHECK(run_dry(scheduler, {}, 4ms).chunk == of_1[3]);
  int worker = 4;
  for (const ChunkId next : {of_2[1], of_1[2], of_1[1], of_2[0], of_1[0]}) {
    scheduler.join(worker++);
    CHECK(only_take_back(scheduler).chunk == next);
  }
}

TEST_CASE("A chunk of one task is not asked, whichever slot it has") {
  Scheduler scheduler(IntervalSet({0, 3}));
  scheduler.join(1, 3);
  CHECK(all_actions(scheduler).size() == 3);
  scheduler.join(2);
  CHECK(all_actions(scheduler).empty());
}

TEST_CASE("What can't be true is refused and changes nothing") {
  RunDry run;
  run.scheduler.returned(1, run.waiting.chunk, 5);
  const ChunkId mine = run.begun.chunk;
  CHECK_THROWS_AS(run.scheduler.done(2, mine, 4ms), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.done(7, mine, 4ms), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.done(1, mine, -4ms), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.done(1, 1, 4ms), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.done(1, 123456, 4ms), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.returned(2, mine, 1), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.returned(1, mine, 11), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.returned(1, 0, 0), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.returned(1, 123456, 0), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.join(1), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.join(3, 0), std::invalid_argument);
  CHECK(run.scheduler.workers() == 2);
  CHECK(run.scheduler.in_flight() == 15);
  CHECK(run.scheduler.pending() == 5);
  CHECK(run.scheduler.done_count() == 980);
}

}  // namespace
}  // namespace tasker::schedule
