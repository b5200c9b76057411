#pragma once

#include "run/scheduler.hpp"

#include <deque>
#include <vector>

/// What tests of the scheduler do again and again.
namespace tasker::test {

/// All that there is to send at `now`.
std::vector<runtime::Action> all_actions(runtime::Scheduler& scheduler, runtime::Time now = {});
/// The same where it is one thing; anything else fails the test.
runtime::Assign only_assign(runtime::Scheduler& scheduler, runtime::Time now = {});
runtime::TakeBack only_take_back(runtime::Scheduler& scheduler, runtime::Time now = {});

/// Lets the only worker finish chunks of tasks that last `task` until at least `until` are done; returns what
/// it has then.
std::deque<runtime::Assign> learn(runtime::Scheduler& scheduler, runtime::Clock::duration task,
                                  std::uint64_t until);

}  // namespace tasker::test
