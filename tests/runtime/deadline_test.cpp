#include "runtime/timekeeper.hpp"
#include "schedule/scheduler.hpp"
#include "support/scheduling.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>

namespace tasker::runtime {
namespace {

using namespace std::chrono_literals;
using test::all_actions;
using test::only_assign;

const base::Time begin{};

/// Worker 1 has learnt that tasks last a second, and has just finished one.
struct OneSecond {
  OneSecond() {
    scheduler.join(1);
    scheduler.set_time(schedule::TimeFrame{begin + 100s, 100s});
    for (int i = 0; i < 3; ++i) scheduler.done(1, only_assign(scheduler, begin).chunk, 1s);
  }
  schedule::Scheduler scheduler{base::IntervalSet({0, 1000})};
};

TEST_CASE("A worker gets no more tasks than it will have done in time, and in the end none") {
  OneSecond run;
  CHECK_FALSE(run.scheduler.finished());
  const schedule::Assign last = only_assign(run.scheduler, begin + 98500ms);
  CHECK(count(last.tasks) == 1);
  run.scheduler.done(1, last.chunk, 1s);
  CHECK(all_actions(run.scheduler, begin + 99500ms).empty());
  CHECK(run.scheduler.finished());
  CHECK(run.scheduler.pending() == 996);
}

TEST_CASE("More time lets it go on") {
  OneSecond run;
  CHECK(all_actions(run.scheduler, begin + 99500ms).empty());
  CHECK(run.scheduler.finished());
  run.scheduler.set_time(schedule::TimeFrame{begin + 200s, 200s});
  only_assign(run.scheduler, begin + 99500ms);
  CHECK_FALSE(run.scheduler.finished());
  run.scheduler.set_time(std::nullopt);
  CHECK_FALSE(run.scheduler.finished());
}

TEST_CASE("More time lets chunks be handed out ahead again, as before") {
  schedule::Scheduler scheduler(base::IntervalSet({0, 100000}));
  scheduler.join(1);
  const auto held = test::learn(scheduler, 1ms, 100);
  REQUIRE(held.size() == 2);  // one that is under way, and the next one
  // Near the end nothing more fits, and worker 1 is asked for what it has not begun.
  scheduler.set_time(schedule::TimeFrame{begin + 500us, 1s});
  scheduler.join(2);
  scheduler.returned(1, test::only_take_back(scheduler, begin).chunk, 0);
  scheduler.returned(1, test::only_take_back(scheduler, begin).chunk, count(held.front().tasks));
  CHECK(all_actions(scheduler, begin).empty());
  scheduler.set_time(GENERATE(std::optional(schedule::TimeFrame{begin + 1000s, 1000s}),
                              std::optional<schedule::TimeFrame>()));
  CHECK_FALSE(scheduler.finished());
  std::vector<int> chunks(3);
  chunks[1] = 1;
  for (const schedule::Action& action : all_actions(scheduler, begin))
    ++chunks[static_cast<std::size_t>(std::get<schedule::Assign>(action).worker)];
  CHECK(chunks[1] == 2);
  CHECK(chunks[2] == 2);
}

TEST_CASE("What earlier runs tell counts from the first task on") {
  schedule::Pace pace;
  pace.add(60, 100);
  schedule::Scheduler scheduler(base::IntervalSet({0, 10}), {}, pace);
  scheduler.join(1);
  scheduler.set_time(schedule::TimeFrame{begin + 50s, 1000s});
  CHECK(all_actions(scheduler, begin).empty());
  CHECK(scheduler.finished());
  CHECK(scheduler.pending_work() == 600s);
}

TEST_CASE("What a worker has yet to do counts, too") {
  schedule::Pace pace;
  pace.add(1e-3, 1000);
  schedule::Scheduler scheduler(base::IntervalSet({0, 4000}), {}, pace);
  scheduler.join(1);
  for (int i = 0; i < 30; ++i)
    for (const schedule::Action& action : all_actions(scheduler, begin)) {
      const auto& assign = std::get<schedule::Assign>(action);
      scheduler.done(1, assign.chunk, 1ms * static_cast<int>(count(assign.tasks)));
    }
  scheduler.set_time(schedule::TimeFrame{begin + 15ms, 1s});
  std::uint64_t handed_out = 0;
  for (const schedule::Action& action : all_actions(scheduler, begin))
    handed_out += count(std::get<schedule::Assign>(action).tasks);
  CHECK(handed_out > 8);
  CHECK(handed_out <= 14);
}

TEST_CASE("By which factor an expectation is wrong is learnt") {
  schedule::Plan plan;
  plan.expected = [](std::uint64_t index) { return index < 3 ? 1.0 : 50.0; };
  schedule::Scheduler scheduler(base::IntervalSet({0, 5}), plan);
  scheduler.join(1);
  scheduler.set_time(schedule::TimeFrame{begin + 60s, 1000s});
  CHECK(scheduler.pending_work() == 103s);
  scheduler.done(1, only_assign(scheduler, begin).chunk, 2s);
  CHECK(scheduler.pending_work() == 204s);
  // 50 s, as expected, would fit; 100 s don't. What was expected to last one second does.
  for (int i = 0; i < 2; ++i) scheduler.done(1, only_assign(scheduler, begin).chunk, 2s);
  CHECK(all_actions(scheduler, begin).empty());
  CHECK(scheduler.finished());
}

TEST_CASE("What fits no more does not keep from those without work what others have not started") {
  schedule::Scheduler scheduler(base::IntervalSet({0, 1000}));
  scheduler.join(1);
  const auto held = test::learn(scheduler, 1ms, 100);
  scheduler.set_time(schedule::TimeFrame{begin + 500us, 1s});
  scheduler.join(2);
  CHECK(test::only_take_back(scheduler, begin).chunk == held.back().chunk);
  CHECK(scheduler.pending() > 0);
}

TEST_CASE("Of the time a twentieth is kept, from 12 seconds to a minute, and at most a fifth") {
  CHECK(reserve_of(10s) == 2s);
  CHECK(reserve_of(1min) == 12s);
  CHECK(reserve_of(4min) == 12s);
  CHECK(reserve_of(10min) == 30s);
  CHECK(reserve_of(24h) == 1min);
}

TEST_CASE("When the time is up tasks are asked to stop, and then given up") {
  cluster::Allocation allocation;
  const base::CaughtSignal drain(SIGUSR2);
  const auto left = GENERATE(100s, 1000s);
  Options options;
  options.deadline = std::chrono::system_clock::now() + left;
  Timekeeper time(options, allocation, drain);
  const base::Time now = base::Clock::now();
  REQUIRE(time.frame());
  CHECK_FALSE(time.stopped());
  CHECK(time.due() == time.frame()->end);
  CHECK(time.frame()->end < now + left);
  CHECK_FALSE(time.look(now));
  CHECK(time.look(time.frame()->end));
  CHECK(time.stopped());
  CHECK_FALSE(time.is_over());
  CHECK(time.due() == time.give_up());
  CHECK(time.look(time.give_up()));
  CHECK(time.is_over());
  CHECK(time.due() == base::Time::max());
  CHECK_FALSE(time.look(time.give_up() + 1s));
}

TEST_CASE("Of a deadline and a limit the earlier one counts; without any there is time for ever") {
  cluster::Allocation allocation;
  const base::CaughtSignal drain(SIGUSR2);
  Options options;
  CHECK_FALSE(Timekeeper(options, allocation, drain).frame());
  options.time_limit = 1000h;
  options.deadline = std::chrono::system_clock::now() + 1h;
  CHECK(Timekeeper(options, allocation, drain).frame()->end < base::Clock::now() + 1h);
  options.deadline = std::chrono::system_clock::now() + 3000h;
  CHECK(Timekeeper(options, allocation, drain).frame()->end < base::Clock::now() + 1000h);
}

TEST_CASE("So much time that it can't be counted is no limit") {
  cluster::Allocation allocation;
  const base::CaughtSignal drain(SIGUSR2);
  Options options;
  options.time_limit = std::chrono::nanoseconds::max();
  Timekeeper time(options, allocation, drain);
  CHECK_FALSE(time.stopped());
  CHECK_FALSE(time.look(base::Clock::now()));
  options.deadline = std::chrono::system_clock::time_point::max();
  CHECK_FALSE(Timekeeper(options, allocation, drain).stopped());
}

TEST_CASE(
    "What a program has done before its map leaves it the begin of an allocation, unless that was most") {
  const cluster::TimeLimit limit{begin + 1000s, 1000s};
  CHECK(frame_of(limit, begin).end == begin + 950s);
  CHECK(frame_of(limit, begin).whole == 950s);
  CHECK(frame_of(limit, begin + 400s).whole == 550s);
  CHECK(frame_of(limit, begin + 600s).whole == 950s);
  CHECK(frame_of(limit, begin + 600s).end == begin + 950s);
}

TEST_CASE("A signal stops, too") {
  cluster::Allocation allocation;
  const base::CaughtSignal drain(SIGUSR2);
  const Options options;
  Timekeeper time(options, allocation, drain);
  std::raise(SIGUSR2);
  CHECK(time.look(base::Clock::now()));
  CHECK(time.stopped());
  CHECK_FALSE(time.is_over());
  CHECK(time.reason(base::Clock::now()) == "by SIGUSR1");
}

}  // namespace
}  // namespace tasker::runtime
