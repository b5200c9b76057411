#pragma once

#include "schedule/scheduler.hpp"

#include <deque>
#include <vector>

/// What tests of the scheduler do again and again.
namespace tasker::test {

/// All that there is to send at `now`.
std::vector<schedule::Action> all_actions(schedule::Scheduler& scheduler, base::Time now = {});
/// The same where it is one thing; anything else fails the test.
schedule::Assign only_assign(schedule::Scheduler& scheduler, base::Time now = {});
schedule::TakeBack only_take_back(schedule::Scheduler& scheduler, base::Time now = {});

/// Lets the only worker finish chunks of tasks that last `task` until at least `until` are done; returns what
/// it has then.
std::deque<schedule::Assign> learn(schedule::Scheduler& scheduler, base::Clock::duration task,
                                   std::uint64_t until);

}  // namespace tasker::test
