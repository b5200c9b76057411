#include "schedule/retries.hpp"

#include "support/scheduling.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

namespace tasker::schedule {
namespace {

using namespace std::chrono_literals;
using test::all_actions;
using test::only_assign;

const Time at_first = Time() + 1h;

NotDone failing(std::uint64_t index) { return {{}, {{index, index + 1}}}; }

/// A scheduler with a worker on each of these hosts.
Scheduler workers_on(std::uint64_t tasks, const std::vector<std::string>& hosts) {
  Scheduler scheduler(IntervalSet({0, tasks}));
  int worker = 0;
  for (const std::string& host : hosts) scheduler.join(++worker, 1, host);
  return scheduler;
}

/// What each worker gets.
std::map<int, Assign> handed_out(Scheduler& scheduler, Time now = at_first) {
  std::map<int, Assign> all;
  for (const Action& action : all_actions(scheduler, now))
    all.emplace(std::get<Assign>(action).worker, std::get<Assign>(action));
  return all;
}

TEST_CASE("A task that fails is tried again on another host, before others") {
  Scheduler scheduler = workers_on(100, {"a", "a", "b"});
  auto work = handed_out(scheduler);
  REQUIRE(work.size() == 3);
  const std::uint64_t index = work.at(1).tasks.front().first;
  CHECK(scheduler.done(1, work.at(1).chunk, 1h, failing(index)) == IntervalSet({index, index + 1}));
  CHECK(scheduler.failures(index) == 1);
  CHECK(scheduler.pending() + scheduler.in_flight() == 100);
  CHECK(scheduler.pending_tasks().contains(index));
  // Worker 1 gets another task, and so does worker 2 of the same host.
  CHECK(only_assign(scheduler, at_first).tasks.front().first != index);
  scheduler.done(2, work.at(2).chunk, 1h);
  CHECK(only_assign(scheduler, at_first).tasks.front().first != index);
  scheduler.done(3, work.at(3).chunk, 1h);
  const Assign again = only_assign(scheduler, at_first);
  CHECK(again.worker == 3);
  CHECK(again.tasks == Ranges{{index, index + 1}});
  scheduler.done(3, again.chunk, 1h);
  CHECK(scheduler.failures(index) == 0);
  CHECK_FALSE(scheduler.any_failures());
}

TEST_CASE("If nobody else is left the same worker tries again") {
  Scheduler scheduler = workers_on(1, {"a", "b"});
  Assign work = only_assign(scheduler, at_first);
  const int other = 3 - work.worker;
  scheduler.done(work.worker, work.chunk, 1h, failing(0));
  work = only_assign(scheduler, at_first);
  CHECK(work.worker == other);
  scheduler.leave(3 - other);
  scheduler.done(other, work.chunk, 1h, failing(0));
  work = only_assign(scheduler, at_first);
  CHECK(work.worker == other);
  CHECK(scheduler.failures(0) == 2);
  scheduler.done(other, work.chunk, 1h);
  CHECK(scheduler.finished());
}

TEST_CASE("A task that has failed waits for a busy worker elsewhere, and for one that will come") {
  Scheduler scheduler = workers_on(2, {"a", "b"});
  auto work = handed_out(scheduler);
  scheduler.expect(3);
  scheduler.done(1, work.at(1).chunk, 1h, failing(0));
  CHECK(all_actions(scheduler, at_first).empty());
  CHECK_FALSE(scheduler.finished());
  scheduler.done(2, work.at(2).chunk, 1h);
  work = handed_out(scheduler);
  REQUIRE(work.contains(2));
  scheduler.done(2, work.at(2).chunk, 1h, failing(0));
  CHECK(all_actions(scheduler, at_first).empty());  // worker 3 may be on a third host
  scheduler.leave(3);
  CHECK(handed_out(scheduler).size() == 1);
}

TEST_CASE("What a worker has that has failed elsewhere goes back to where it may be tried") {
  const bool leaves = GENERATE(true, false);
  Scheduler scheduler = workers_on(2, {"a", "b", "c", "d"});
  auto work = handed_out(scheduler);
  REQUIRE(work.size() == 2);
  const int fails = work.begin()->first;
  const std::uint64_t index = work.begin()->second.tasks.front().first;
  scheduler.done(fails, work.begin()->second.chunk, 1h, failing(index));
  const Assign again = only_assign(scheduler, at_first);
  CHECK(again.worker != fails);
  if (leaves)
    scheduler.leave(again.worker);
  else
    scheduler.returned(again.worker, again.chunk, 0);
  const Assign once_more = only_assign(scheduler, at_first);
  CHECK(once_more.tasks == Ranges{{index, index + 1}});
  CHECK(once_more.worker != fails);
  CHECK(scheduler.failures(index) == 1);
}

TEST_CASE("A pause comes before each further attempt, each twice as long, and is slept through") {
  Scheduler scheduler = workers_on(1, {"a"});
  scheduler.set_retry_after(10s);
  CHECK(scheduler.wake() == Time::max());
  Time now = at_first;
  for (const auto pause : {10s, 20s, 40s, 80s}) {
    scheduler.done(1, only_assign(scheduler, now).chunk, 1h, failing(0));
    CHECK(all_actions(scheduler, now).empty());
    CHECK(scheduler.wake() == now + pause);
    CHECK_FALSE(scheduler.finished());
    CHECK(all_actions(scheduler, now + pause - 1ns).empty());
    now += pause;
  }
  scheduler.done(1, only_assign(scheduler, now).chunk, 1h);
  CHECK(scheduler.wake() == Time::max());
  CHECK(scheduler.finished());
}

TEST_CASE("However often a task fails, its pause has an end") {
  Scheduler scheduler = workers_on(1, {"a"});
  scheduler.set_retry_after(Clock::duration::max());
  Time now = at_first;
  for (int i = 0; i < 100; ++i) {
    scheduler.done(1, only_assign(scheduler, now).chunk, 1h, failing(0));
    CHECK(all_actions(scheduler, now).empty());
    CHECK(scheduler.wake() > now);
    CHECK(scheduler.wake() <= now + 24h * 365);
    now = scheduler.wake();
  }
}

TEST_CASE("While a task pauses the others go on") {
  Scheduler scheduler = workers_on(50, {"a"});
  scheduler.set_retry_after(10s);
  const Assign first = only_assign(scheduler, at_first);
  scheduler.done(1, first.chunk, 1h, failing(0));
  for (int i = 1; i < 50; ++i) scheduler.done(1, only_assign(scheduler, at_first).chunk, 1h);
  CHECK(all_actions(scheduler, at_first).empty());
  CHECK_FALSE(scheduler.finished());
  CHECK(scheduler.pending() == 1);
  CHECK(only_assign(scheduler, scheduler.wake()).tasks == Ranges{{0, 1}});
}

TEST_CASE("When nothing more is handed out nobody waits for a pause") {
  Scheduler scheduler = workers_on(1, {"a"});
  scheduler.set_retry_after(10s);
  scheduler.done(1, only_assign(scheduler, at_first).chunk, 1h, failing(0));
  CHECK(all_actions(scheduler, at_first).empty());
  scheduler.drain();
  CHECK(scheduler.finished());
  CHECK(scheduler.wake() == Time::max());
  CHECK(scheduler.pending() == 1);
}

TEST_CASE("A task that can't be tried again in time is not waited for") {
  const auto [pause, left, waits] = GENERATE(table<Clock::duration, Clock::duration, bool>(
      {{0s, 1h, true}, {0s, 30s, false}, {10min, 1h, true}, {10min, 10min + 30s, false}, {2h, 1h, false}}));
  Scheduler scheduler = workers_on(3, {"a"});
  scheduler.set_retry_after(pause);
  // Tasks last a minute, and the allocation is long enough for any.
  const Assign first = only_assign(scheduler, at_first);
  scheduler.done(1, first.chunk, 1min);
  scheduler.done(1, only_assign(scheduler, at_first).chunk, 1min);
  const Assign last = only_assign(scheduler, at_first);
  scheduler.set_time(TimeFrame{at_first + left, 100h});
  scheduler.done(1, last.chunk, 1min, failing(2));
  const auto actions = all_actions(scheduler, at_first);
  CHECK(scheduler.finished() != waits);
  CHECK(actions.size() == (waits && pause == 0s ? 1 : 0));
  if (pause > 0s) CHECK(scheduler.wake() == (waits ? at_first + pause : Time::max()));
  scheduler.set_time({});
  all_actions(scheduler, at_first);
  CHECK_FALSE(scheduler.finished());
}

TEST_CASE("Of tasks that are expected to last unequally, one that fits is tried again") {
  Plan plan;
  plan.expected = [](std::uint64_t index) { return index == 0 ? 1000.0 : 10.0; };
  Scheduler scheduler(IntervalSet({0, 2}), plan);
  scheduler.join(1);
  for (int i = 0; i < 2; ++i) {
    const Assign work = only_assign(scheduler, at_first);
    const std::uint64_t index = work.tasks.front().first;
    scheduler.done(1, work.chunk, index == 0 ? 1000s : 10s, failing(index));
    if (i == 0) scheduler.set_time(TimeFrame{at_first + 100h, 200h});
  }
  scheduler.set_time(TimeFrame{at_first + 100s, 200h});
  const Assign again = only_assign(scheduler, at_first);
  CHECK(again.tasks == Ranges{{1, 2}});
  scheduler.done(1, again.chunk, 10s);
  CHECK(all_actions(scheduler, at_first).empty());
  CHECK(scheduler.finished());
}

TEST_CASE("Many short tasks that fail are tried again together, and a suspect alone") {
  Scheduler scheduler(IntervalSet({0, 1'000'000}));
  scheduler.join(1, 1, "a");
  auto held = test::learn(scheduler, 100us, 2000);
  REQUIRE(held.size() == 2);
  scheduler.join(2, 1, "b");
  const Ranges failed = held.front().tasks;
  const std::uint64_t first = failed.front().first;
  REQUIRE(count(failed) > 300);
  scheduler.suspect({{first + 10, first + 11}});
  scheduler.done(1, held.front().chunk, 40ms, {{}, failed});
  std::vector<Ranges> again;
  for (int i = 0; i < 4; ++i)
    for (const Action& action : all_actions(scheduler))
      if (const Assign& assign = std::get<Assign>(action); assign.worker == 2) {
        if (scheduler.failures(assign.tasks.front().first) > 0) {
          CHECK(assign.suspect == (assign.tasks == Ranges{{first + 10, first + 11}}));
          again.push_back(assign.tasks);
        }
        scheduler.done(2, assign.chunk, 1ms);
      } else {
        for (const base::Range& range : assign.tasks) CHECK(scheduler.failures(range.first) == 0);
      }
  REQUIRE(again.size() >= 3);
  CHECK(again[0] == Ranges{{first, first + 10}});
  CHECK(again[1] == Ranges{{first + 10, first + 11}});
  CHECK(count(again[2]) > 50);
}

TEST_CASE("Who says that a task has failed that it had not is not believed") {
  Scheduler scheduler = workers_on(10, {"a", "b"});
  const auto work = handed_out(scheduler);
  const ChunkId chunk = work.at(1).chunk;
  const std::uint64_t mine = work.at(1).tasks.front().first;
  const std::uint64_t other = work.at(2).tasks.front().first;
  for (const Ranges& failed : {Ranges{{other, other + 1}}, Ranges{{mine, mine + 1}, {mine, mine + 1}},
                               Ranges{{mine, mine + 2}}, Ranges{{0, UINT64_MAX}}})
    CHECK_THROWS_AS(scheduler.done(1, chunk, 1s, {{}, failed}), std::invalid_argument);
  CHECK(scheduler.in_flight() == 2);
  CHECK(scheduler.pending() == 8);
  CHECK_FALSE(scheduler.any_failures());
}

TEST_CASE("A task that was found recorded after it had failed is not tried again") {
  Scheduler scheduler = workers_on(1, {"a"});
  scheduler.set_retry_after(GENERATE(0s, 10s));
  scheduler.done(1, only_assign(scheduler, at_first).chunk, 1h, failing(0));
  if (GENERATE(true, false)) CHECK_FALSE(scheduler.finished());
  scheduler.found({{0, 1}});
  CHECK(all_actions(scheduler, at_first).empty());
  CHECK(scheduler.finished());
  CHECK(scheduler.pending() == 0);
  CHECK(scheduler.wake() == Time::max());
}

TEST_CASE("What has failed does not wait for a worker that gets nothing more") {
  Scheduler scheduler = workers_on(2, {"a", "b"});
  auto work = handed_out(scheduler);
  scheduler.done(1, work.at(1).chunk, 1h, failing(work.at(1).tasks.front().first));
  CHECK(all_actions(scheduler, at_first).empty());
  scheduler.retire(2);
  CHECK(only_assign(scheduler, at_first).worker == 1);
}

TEST_CASE("A task that is to be tried again is not, if a worker turns out to be at it") {
  Scheduler scheduler = workers_on(1, {"a"});
  scheduler.expect(2);
  scheduler.set_retry_after(GENERATE(0s, 10s));
  scheduler.done(1, only_assign(scheduler, at_first).chunk, 1h, failing(0));
  if (GENERATE(true, false)) CHECK(all_actions(scheduler, at_first).empty());
  scheduler.join(2, 1, "b");
  scheduler.adopt(2, 77, {{0, 1}});
  CHECK(scheduler.pending() == 0);
  CHECK(scheduler.in_flight() == 1);
  CHECK(all_actions(scheduler, at_first + 1h).empty());
  CHECK(scheduler.done(2, 77, 1s, failing(0)) == IntervalSet({0, 1}));
  CHECK(scheduler.failures(0) == 2);
}

TEST_CASE("Who brings a chunk along may have failed at tasks of it that are others' by now") {
  Scheduler scheduler = workers_on(2, {"a", "b"});
  const auto work = handed_out(scheduler);
  scheduler.join(3, 1, "c");
  scheduler.adopt(3, 77, {{0, 2}});
  CHECK(scheduler.done(3, 77, 1s, {{}, {{0, 2}}}).empty());
  CHECK(scheduler.failures(0) == 0);
  CHECK(scheduler.in_flight() == 2);
}

TEST_CASE("A task for which only another worker has the time is tried again there") {
  Scheduler scheduler = workers_on(4, {"a", "b"});
  scheduler.set_time(2, TimeFrame{at_first + 10h, 100h});
  auto work = handed_out(scheduler);
  for (const auto& [worker, assign] : work) scheduler.done(worker, assign.chunk, 1min);
  work = handed_out(scheduler);
  scheduler.set_time(TimeFrame{at_first + 30s, 100h});
  const std::uint64_t index = work.at(1).tasks.front().first;
  scheduler.done(1, work.at(1).chunk, 1min, failing(index));
  scheduler.done(2, work.at(2).chunk, 1min);
  const Assign again = only_assign(scheduler, at_first);
  CHECK(again.worker == 2);
  scheduler.done(2, again.chunk, 1min, failing(index));
  CHECK(all_actions(scheduler, at_first).size() == 1);  // all have failed, so this one may again
  scheduler.set_time(2, TimeFrame{at_first + 30s, 100h});
  scheduler.done(2, again.chunk + 1, 1min, failing(index));
  CHECK(all_actions(scheduler, at_first).empty());
  CHECK(scheduler.finished());
}

TEST_CASE("For what is to be tried again the time does not count of a worker that gets nothing more") {
  Scheduler scheduler = workers_on(3, {"a", "b"});
  auto work = handed_out(scheduler);
  scheduler.done(1, work.at(1).chunk, 1min);
  scheduler.done(1, only_assign(scheduler, at_first).chunk, 1min);
  scheduler.set_time(2, TimeFrame{at_first + 10h, 100h});
  scheduler.set_time(TimeFrame{at_first + 30s, 100h});
  scheduler.retire(2);
  scheduler.done(2, work.at(2).chunk, 1min, failing(work.at(2).tasks.front().first));
  CHECK(all_actions(scheduler, at_first).empty());
  CHECK(scheduler.finished());
}

/// A cluster on whose workers some tasks fail; tasks last a second.
struct Shared {
  Scheduler scheduler;
  std::function<bool(int worker, std::uint64_t index)> fails;
  std::map<int, std::uint64_t> calls{};  // of each worker
  std::vector<Verdict> verdicts{};

  void run(std::uint32_t retries) {
    std::vector<Assign> held;
    Time now = at_first;
    for (int round = 0; !scheduler.finished(); ++round) {
      REQUIRE(round < 10'000);
      for (const Action& action : all_actions(scheduler, now))
        if (const auto* assign = std::get_if<Assign>(&action)) held.push_back(*assign);
      REQUIRE_FALSE(held.empty());
      now += 1s;
      for (const Assign& assign : std::exchange(held, {})) {
        NotDone not_done;
        for (const base::Range& range : assign.tasks)
          for (std::uint64_t index = range.first; index < range.last; ++index) {
            ++calls[assign.worker];
            if (!fails(assign.worker, index)) continue;
            if (scheduler.failures(index) < retries)
              not_done.failed.push_back({index, index + 1});
            else
              ++not_done.given_up;
          }
        scheduler.done(assign.worker, assign.chunk, 1s, not_done);
      }
      for (const Verdict& verdict : scheduler.take_verdicts()) verdicts.push_back(verdict);
    }
  }
};

TEST_CASE("A host where all fails that succeeds elsewhere gets no more tasks after a few") {
  Shared cluster{workers_on(300, {"a", "a", "a", "b", "b", "b"}),
                 [](int worker, std::uint64_t) { return worker <= 3; }};
  cluster.run(2);
  CHECK(cluster.verdicts == std::vector<Verdict>{{"a", {}, true}});
  CHECK(cluster.calls[1] + cluster.calls[2] + cluster.calls[3] < 20);
  CHECK(cluster.scheduler.done_count() == 300);
}

TEST_CASE("A worker where all fails that succeeds elsewhere gets no more tasks after a few") {
  Shared cluster{workers_on(300, {"a", "a", "b", "b"}),
                 [](int worker, std::uint64_t) { return worker == 2; }};
  cluster.run(2);
  CHECK(cluster.verdicts == std::vector<Verdict>{{"a", 2, true}});
  CHECK(cluster.calls[2] < 20);
  CHECK(cluster.calls[1] > 50);
}

TEST_CASE("Nobody is set aside for tasks that fail everywhere, or now and then") {
  const std::uint64_t share = GENERATE(1U, 2U, 7U);
  Shared cluster{workers_on(300, {"a", "a", "b", "b"}), [share](int worker, std::uint64_t index) {
                   return share == 1 ? index % 2 == 0
                                     : (index + static_cast<std::uint64_t>(worker)) % share == 0;
                 }};
  cluster.run(3);
  CHECK(cluster.verdicts.empty());
  CHECK(cluster.scheduler.done_count() == 300);
}

TEST_CASE("Without retries nobody is set aside, and a lone worker never is") {
  Shared cluster{workers_on(50, {"a", "b"}), [](int worker, std::uint64_t) { return worker == 1; }};
  cluster.run(0);
  CHECK(cluster.verdicts.empty());
  Shared lone{workers_on(50, {"a"}), [](int, std::uint64_t index) { return index % 2 == 0; }};
  lone.run(2);
  CHECK(lone.verdicts.empty());
}

TEST_CASE("Who was set aside computes again when the others have left") {
  Shared cluster{workers_on(300, {"a", "b"}),
                 [](int worker, std::uint64_t index) { return worker == 1 && index < 200; }};
  Scheduler& scheduler = cluster.scheduler;
  std::vector<Verdict> verdicts;
  while (verdicts.empty()) {
    for (const Action& action : all_actions(scheduler, at_first)) {
      const auto& work = std::get<Assign>(action);
      scheduler.done(work.worker, work.chunk, 1s, work.worker == 1 ? NotDone{{}, work.tasks} : NotDone{});
    }
    verdicts = scheduler.take_verdicts();
  }
  CHECK(verdicts == std::vector<Verdict>{{"a", 1, true}});
  for (const Action& action : all_actions(scheduler, at_first)) CHECK(std::get<Assign>(action).worker == 2);
  CHECK(scheduler.idle_slots() == 0);
  scheduler.leave(2);
  CHECK(scheduler.take_verdicts() == std::vector<Verdict>{{"a", 1, false}});
  const auto work = handed_out(scheduler);
  REQUIRE(work.size() == 1);
  CHECK(work.begin()->first == 1);
}

}  // namespace
}  // namespace tasker::schedule
