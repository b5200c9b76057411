#include "support/scheduling.hpp"

#include <catch2/catch.hpp>

#include <variant>

namespace tasker::test {

using namespace schedule;

std::vector<schedule::Action> all_actions(schedule::Scheduler& scheduler, base::Time now) {
  std::vector<schedule::Action> actions;
  while (auto action = scheduler.next(now)) actions.push_back(*action);
  return actions;
}

schedule::Assign only_assign(schedule::Scheduler& scheduler, base::Time now) {
  const auto actions = all_actions(scheduler, now);
  REQUIRE(actions.size() == 1);
  REQUIRE(std::holds_alternative<schedule::Assign>(actions[0]));
  return std::get<schedule::Assign>(actions[0]);
}

schedule::TakeBack only_take_back(schedule::Scheduler& scheduler, base::Time now) {
  const auto actions = all_actions(scheduler, now);
  REQUIRE(actions.size() == 1);
  REQUIRE(std::holds_alternative<schedule::TakeBack>(actions[0]));
  return std::get<schedule::TakeBack>(actions[0]);
}

std::deque<schedule::Assign> learn(schedule::Scheduler& scheduler, base::Clock::duration task,
                                   std::uint64_t until) {
  std::deque<schedule::Assign> held;
  for (;;) {
    for (const schedule::Action& action : all_actions(scheduler))
      held.push_back(std::get<schedule::Assign>(action));
    if (scheduler.done_count() >= until) return held;
    const schedule::Assign first = held.front();
    held.pop_front();
    scheduler.done(first.worker, first.chunk, static_cast<int>(count(first.tasks)) * task);
  }
}

}  // namespace tasker::test
