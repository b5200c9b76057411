#include "support/scheduling.hpp"

#include <catch2/catch.hpp>

#include <variant>

namespace tasker::test {

using namespace runtime;

std::vector<Action> all_actions(Scheduler& scheduler, Time now) {
  std::vector<Action> actions;
  while (auto action = scheduler.next(now)) actions.push_back(*action);
  return actions;
}

Assign only_assign(Scheduler& scheduler, Time now) {
  const auto actions = all_actions(scheduler, now);
  REQUIRE(actions.size() == 1);
  REQUIRE(std::holds_alternative<Assign>(actions[0]));
  return std::get<Assign>(actions[0]);
}

TakeBack only_take_back(Scheduler& scheduler, Time now) {
  const auto actions = all_actions(scheduler, now);
  REQUIRE(actions.size() == 1);
  REQUIRE(std::holds_alternative<TakeBack>(actions[0]));
  return std::get<TakeBack>(actions[0]);
}

std::deque<Assign> learn(Scheduler& scheduler, Clock::duration task, std::uint64_t until) {
  std::deque<Assign> held;
  for (;;) {
    for (const Action& action : all_actions(scheduler)) held.push_back(std::get<Assign>(action));
    if (scheduler.done_count() >= until) return held;
    const Assign first = held.front();
    held.pop_front();
    scheduler.done(first.worker, first.chunk, static_cast<int>(count(first.tasks)) * task);
  }
}

}  // namespace tasker::test
