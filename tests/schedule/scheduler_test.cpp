#include "schedule/scheduler.hpp"

#include "support/scheduling.hpp"
#include "support/simulation.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <deque>
#include <variant>
#include <vector>

namespace tasker::schedule {
namespace {

using namespace std::chrono_literals;
using test::all_actions;
using test::learn;
using test::only_assign;

TEST_CASE("Every worker's first chunk is one task") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  for (int worker = 1; worker <= 3; ++worker) {
    scheduler.join(worker);
    const Assign assign = only_assign(scheduler);
    CHECK(assign.worker == worker);
    CHECK(count(assign.tasks) == 1);
  }
  CHECK(scheduler.in_flight() == 3);
  CHECK(scheduler.pending() == 997);
}

TEST_CASE("A worker gets a task for each of its slots, after those who have fewer for theirs") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1, 4);
  scheduler.join(2, 2);
  CHECK(scheduler.slots() == 6);
  CHECK(scheduler.idle_slots() == 6);
  std::vector<int> workers;
  for (const Action& action : all_actions(scheduler)) {
    CHECK(count(std::get<Assign>(action).tasks) == 1);
    workers.push_back(std::get<Assign>(action).worker);
  }
  CHECK(workers == std::vector<int>{1, 2, 1, 1, 2, 1});
  CHECK(scheduler.workers() == 2);
  CHECK(scheduler.idle_slots() == 0);
}

TEST_CASE("A slot between two chunks does not rest, one that no chunk is left for does") {
  Scheduler scheduler(IntervalSet({0, 3}));
  scheduler.join(1, 2);
  const std::vector<Action> first = all_actions(scheduler);
  REQUIRE(first.size() == 2);
  scheduler.done(1, std::get<Assign>(first[0]).chunk, 1h);
  CHECK(scheduler.idle_slots() == 1);
  CHECK(scheduler.resting_slots() == 0);
  CHECK(all_actions(scheduler).size() == 1);
  CHECK(scheduler.resting_slots() == 0);
  scheduler.done(1, std::get<Assign>(first[1]).chunk, 1h);
  CHECK(scheduler.resting_slots() == 0);
  CHECK(all_actions(scheduler).empty());
  CHECK(scheduler.resting_slots() == 1);
}

TEST_CASE("Long tasks may end in any order: no slot is free while tasks are pending, and none waits") {
  Scheduler scheduler(IntervalSet({0, 100}));
  scheduler.join(1, 4);
  std::deque<Assign> held;
  for (const Action& action : all_actions(scheduler)) held.push_back(std::get<Assign>(action));
  for (std::size_t each = 0; scheduler.pending() > 0; ++each) {
    REQUIRE(held.size() == 4);
    const auto ended = held.begin() + static_cast<std::ptrdiff_t>(7 * each % 4);
    scheduler.done(1, ended->chunk, 1h);
    held.erase(ended);
    held.push_back(only_assign(scheduler));
    CHECK(scheduler.idle_slots() == 0);
  }
  for (const Assign& last : held) scheduler.done(1, last.chunk, 1h);
  CHECK(scheduler.finished());
  CHECK(scheduler.idle_slots() == 4);
}

TEST_CASE("With no tasks at all it is finished at once, and nothing is handed out") {
  Scheduler scheduler{IntervalSet()};
  CHECK(scheduler.finished());
  scheduler.join(1);
  CHECK(all_actions(scheduler).empty());
}

TEST_CASE("Chunks grow to about 40 ms of short tasks, and never beyond four times what has been finished") {
  for (const std::uint64_t until : {1u, 2u, 4u, 8u, 16u, 32u, 64u}) {
    Scheduler scheduler(IntervalSet({0, 1'000'000'000}));
    scheduler.join(1);
    const auto held = learn(scheduler, 100us, until);
    CHECK(count(held.back().tasks) <= 4 * scheduler.done_count());
    CHECK(count(held.back().tasks) >= until);
  }
  Scheduler scheduler(IntervalSet({0, 1'000'000'000}));
  scheduler.join(1);
  const std::uint64_t size = count(learn(scheduler, 100us, 2000).back().tasks);
  CHECK(size >= 399);
  CHECK(size <= 400);
}

TEST_CASE("No chunk has more than 65536 tasks, however short they are") {
  Scheduler scheduler(IntervalSet({0, 1'000'000'000}));
  scheduler.join(1);
  CHECK(count(learn(scheduler, 1ns, 1'000'000).back().tasks) == 65536);
}

TEST_CASE("Chunks shrink towards the end, down to one task, and as every slot is to have some") {
  const auto [slots, until, largest] = GENERATE(table<std::uint32_t, std::uint64_t, std::uint64_t>(
      {{1, 1700, 75}, {1, 1900, 25}, {1, 1994, 1}, {4, 1000, 50}}));
  Scheduler scheduler(IntervalSet({0, 2000}));
  scheduler.join(1, slots);
  CHECK(count(learn(scheduler, 100us, until).back().tasks) <= largest);
}

TEST_CASE("Short tasks are prefetched one chunk ahead in each slot, long ones not at all") {
  const auto [slots, task, chunks] = GENERATE(table<std::uint32_t, base::Clock::duration, std::size_t>(
      {{1, 1ms, 2}, {1, 1s, 1}, {1, 1h, 1}, {3, 1ms, 4}, {3, 1s, 1}}));
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1, slots);
  const auto first = all_actions(scheduler);
  CHECK(first.size() == slots);
  scheduler.done(1, std::get<Assign>(first[0]).chunk, task);
  const auto actions = all_actions(scheduler);
  CHECK(actions.size() == chunks);
  for (const Action& action : actions) CHECK(count(std::get<Assign>(action).tasks) == (task == 1ms ? 4 : 1));
}

TEST_CASE("When fewer tasks than slots are pending, none is prefetched") {
  Scheduler scheduler(IntervalSet({0, 8}));
  scheduler.join(1, 4);
  const auto first = all_actions(scheduler);
  scheduler.done(1, std::get<Assign>(first[0]).chunk, 1ms);
  only_assign(scheduler);
  CHECK(scheduler.pending() == 3);
}

TEST_CASE("One extremely long task doesn't change what the next ones are expected to last") {
  Scheduler scheduler(IntervalSet({0, 1'000'000}));
  scheduler.join(1);
  const auto held = learn(scheduler, 1ms, 1000);
  scheduler.done(1, held.front().chunk, 1h);
  // Chunks of about 40 ms.
  CHECK(count(only_assign(scheduler).tasks) > 1);
}

TEST_CASE("Scattered tasks are handed out together, as several ranges") {
  IntervalSet pending;
  for (std::uint64_t index = 0; index < 4000; index += 2) pending.insert({index, index + 1});
  Scheduler scheduler(pending);
  scheduler.join(1);
  const auto held = learn(scheduler, 1ms, 100);
  CHECK(held.back().tasks.size() == 40);
  CHECK(count(held.back().tasks) == 40);
}

TEST_CASE("A worker that leaves gives all its unfinished tasks back, and what it finished stays done") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  learn(scheduler, 1ms, 50);
  const std::uint64_t done = scheduler.done_count();
  REQUIRE(scheduler.in_flight() > 1);
  scheduler.leave(1);
  CHECK(scheduler.in_flight() == 0);
  CHECK(scheduler.pending() == 1000 - done);
  CHECK(scheduler.done_tasks() == IntervalSet({0, done}));
  CHECK(scheduler.workers() == 0);
  CHECK(scheduler.idle_slots() == 0);
  CHECK(all_actions(scheduler).empty());
  scheduler.leave(1);
  scheduler.join(2);
  const auto actions = all_actions(scheduler);
  CHECK(actions.size() == 2);
  for (const Action& action : actions) CHECK(std::get<Assign>(action).worker == 2);
  CHECK(std::get<Assign>(actions[0]).tasks.front().first == done);
}

TEST_CASE("A worker that leaves takes all its slots with it, and leaves no chunk behind") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1, 3);
  scheduler.join(2, 2);
  learn(scheduler, 1ms, 50);
  const std::uint64_t done = scheduler.done_count();
  scheduler.leave(1);
  CHECK(scheduler.slots() == 2);
  CHECK(scheduler.idle_slots() == 0);
  scheduler.leave(2);
  CHECK(scheduler.slots() == 0);
  CHECK(scheduler.idle_slots() == 0);
  CHECK(scheduler.in_flight() == 0);
  CHECK(scheduler.pending() == 1000 - done);
  CHECK(all_actions(scheduler).empty());
}

TEST_CASE("Who leaves tells its chunks in the order of their begin; what is found of them is done") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  const auto held = learn(scheduler, 1ms, 50);
  REQUIRE(held.size() == 2);
  const auto left = scheduler.leave(1);
  REQUIRE(left.size() == 2);
  CHECK(left[0].tasks == held[0].tasks);
  CHECK(left[1].tasks == held[1].tasks);
  CHECK(left[0].begun);
  CHECK_FALSE(left[1].begun);
  CHECK(scheduler.leave(1).empty());
  const std::uint64_t done = scheduler.done_count();
  scheduler.found(held[0].tasks);
  CHECK(scheduler.done_count() == done + count(held[0].tasks));
  CHECK(scheduler.pending() + scheduler.done_count() == 1000);
}

TEST_CASE("A suspect is handed out alone, the others as ever") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  const auto held = learn(scheduler, 1ms, 50);
  scheduler.leave(1);
  const std::uint64_t first = held[0].tasks.front().first;
  scheduler.suspect({{first + 3, first + 5}});
  scheduler.join(2);
  std::vector<Ranges> chunks;
  for (int i = 0; i < 5; ++i)
    for (const Action& action : all_actions(scheduler)) {
      const auto& assign = std::get<Assign>(action);
      chunks.push_back(assign.tasks);
      scheduler.done(2, assign.chunk, 1ms);
    }
  REQUIRE(chunks.size() > 4);
  CHECK(chunks[0] == Ranges{{first, first + 3}});
  CHECK(chunks[1] == Ranges{{first + 3, first + 4}});
  CHECK(chunks[2] == Ranges{{first + 4, first + 5}});
  CHECK(count(chunks[3]) > 1);
}

TEST_CASE("After a drain nothing is handed out, and it is finished when nothing is in flight") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  scheduler.join(2);
  const auto actions = all_actions(scheduler);
  scheduler.drain();
  CHECK_FALSE(scheduler.finished());
  for (const Action& action : actions)
    scheduler.done(std::get<Assign>(action).worker, std::get<Assign>(action).chunk, 1ms);
  CHECK(all_actions(scheduler).empty());
  CHECK(scheduler.finished());
  CHECK(scheduler.pending() == 998);
}

TEST_CASE("A chunk that is too large to send is cut before it goes, and its worker is still asked later") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  const Assign assign = learn(scheduler, 1ms, 500).back();
  scheduler.returned(1, assign.chunk, 3);
  const std::uint64_t pending = scheduler.pending();
  CHECK(pending + scheduler.in_flight() + scheduler.done_count() == 1000);
  scheduler.done(1, assign.chunk, 3ms);
  CHECK_FALSE(scheduler.done_tasks().contains(assign.tasks.front().first + 3));
}

TEST_CASE(
    "No worker is idle while another has an unstarted task, when tasks last for hours after short ones") {
  const test::Workload workload{"sudden", 1100,
                                [](std::uint64_t index) { return index < 1000 ? 1e-3 : 3600.0; }};
  const test::Cluster cluster{.workers = 4};
  const auto outcome = simulate(cluster, workload);
  CHECK(outcome.done == workload.tasks);
  CHECK(outcome.makespan < 25 * 3600.0 + 2);
}

TEST_CASE("Simulated makespans are within 1 % of what is possible, whatever the durations") {
  const auto [workers, slots, mean, tasks] = GENERATE(table<int, std::uint32_t, double, std::uint64_t>({
      {2, 1, 100e-6, 50'000},
      {1, 2, 100e-6, 50'000},
      {2, 1, 10e-3, 20'000},
      {7, 1, 1e-3, 50'000},
      {1, 7, 1e-3, 50'000},
      {64, 1, 500e-6, 640'000},
      {8, 8, 500e-6, 640'000},
      {1, 64, 500e-6, 640'000},
  }));
  for (const auto& workload : test::workloads(tasks, test::Seconds(mean))) {
    const auto outcome = simulate(test::Cluster{.workers = workers, .slots = slots}, workload);
    INFO(workload.name << ", " << workers << " workers of " << slots << " slots, " << mean
                       << " s: " << 100 * outcome.loss() << " % lost");
    CHECK(outcome.done == tasks);
    CHECK(outcome.loss() < 0.01);
  }
}

TEST_CASE("A hundred short tasks are handed out a few times only") {
  for (const auto& workload : test::workloads(100, 1us)) {
    INFO(workload.name);
    CHECK(simulate(test::Cluster{.workers = 2}, workload).chunks < 10);
  }
}

TEST_CASE("With few tasks for each of many slots, no more is lost than 1 % and the longest task") {
  const auto [workers, slots] = GENERATE(table<int, std::uint32_t>({{512, 1}, {128, 4}, {8, 64}}));
  for (const auto& workload : test::workloads(50'000, test::Seconds(50e-3))) {
    const auto outcome = simulate(test::Cluster{.workers = workers, .slots = slots}, workload);
    INFO(workload.name << ", " << workers << " workers of " << slots << " slots: " << outcome.makespan
                       << " s instead of " << outcome.bound << " s");
    CHECK(outcome.done == workload.tasks);
    CHECK(outcome.makespan < 1.01 * outcome.bound + outcome.longest);
  }
}

TEST_CASE("What a chunk has left over is pending again, a suspect in a chunk of its own; the rest is done") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  std::deque<Assign> held = learn(scheduler, 1us, 300);
  const Assign chunk = held.front();
  held.pop_front();
  const base::Range range = chunk.tasks.front();
  REQUIRE(range.size() > 10);
  const std::uint64_t before = scheduler.done_count();
  const std::uint64_t kept = range.first + range.size() / 2;
  scheduler.returned(1, chunk.chunk, kept - range.first);
  // The third task crashed; the worker has not heard that the last ones were taken back.
  const std::uint64_t crashed = range.first + 2;
  const IntervalSet left = scheduler.done(1, chunk.chunk, 1ms, {{{crashed, range.last}}});
  CHECK(left == IntervalSet({crashed, kept}));
  CHECK(scheduler.done_count() == before + 2);
  CHECK(scheduler.pending() + scheduler.in_flight() + scheduler.done_count() == 1000);
  scheduler.suspect({{crashed, crashed + 1}});
  for (const Assign& other : held) scheduler.done(1, other.chunk, 1ms);
  int suspects = 0;
  while (!scheduler.finished())
    for (const Action& action : all_actions(scheduler)) {
      const Assign assign = std::get<Assign>(action);
      if (assign.suspect) CHECK(assign.tasks == base::Ranges{{crashed, crashed + 1}});
      suspects += assign.suspect ? 1 : 0;
      scheduler.done(1, assign.chunk, 1ms);
    }
  CHECK(suspects == 1);
  CHECK(scheduler.done_count() == 1000);
}

TEST_CASE("Tasks may be added while others are done: until the last nothing is finished or taken back") {
  Scheduler scheduler(base::IntervalSet(), {}, {}, true);
  scheduler.join(1);
  scheduler.join(2);
  CHECK(test::all_actions(scheduler).empty());
  CHECK_FALSE(scheduler.finished());
  scheduler.add({{0, 1}}, true);
  const Assign first = test::only_assign(scheduler);
  CHECK(first.tasks == base::Ranges{{0, 1}});
  CHECK(test::all_actions(scheduler).empty());  // worker 2 waits for what comes
  scheduler.done(first.worker, first.chunk, 1ms);
  CHECK_FALSE(scheduler.finished());
  scheduler.add({{1, 3}}, false);
  std::uint64_t handed_out = 0;
  while (!scheduler.finished())
    for (const Action& action : test::all_actions(scheduler)) {
      const Assign assign = std::get<Assign>(action);
      handed_out += base::count(assign.tasks);
      scheduler.done(assign.worker, assign.chunk, 1ms);
    }
  CHECK(handed_out == 2);
  CHECK(scheduler.done_count() == 3);
}

TEST_CASE("While more tasks come, those that are handed out are not taken back for who is idle") {
  const bool more = GENERATE(true, false);
  Scheduler scheduler(base::IntervalSet({0, 1000}), {}, {}, more);
  scheduler.join(1);
  (void)test::learn(scheduler, 1ms, 100);
  scheduler.found(scheduler.pending_tasks().ranges());
  scheduler.join(2);
  CHECK(test::all_actions(scheduler).size() == (more ? 0 : 1));
}

}  // namespace
}  // namespace tasker::schedule
