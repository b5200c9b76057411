#pragma once

#include "base/clock.hpp"
#include "base/intervals.hpp"
#include "schedule/scheduler.hpp"
#include "talk/tally.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace tasker::runtime {

using base::Clock;
using base::Time;

/// What of a chunk that was under way has no record.
struct Unfinished {
  base::Ranges tasks;         ///< The first of them was being computed, or, if tasks are short, a later one.
  Clock::duration lasted{0};  ///< The first one, at least.
};

/// Waits no longer for a worker with so many slots. What `recorded` finds of its tasks counts as done, the
/// others are pending again; returns those that may have been under way. A worker that is not gone has told
/// what it has done but in the midst of a chunk; then no more is asked for, since a journal may take long to
/// read.
std::vector<Unfinished> abandon(schedule::Scheduler& scheduler, talk::Tally& tally, int worker,
                                std::uint32_t slots, bool is_gone, Time now,
                                const std::function<base::IntervalSet(const base::IntervalSet&)>& recorded);

}  // namespace tasker::runtime
