#pragma once

#include "base/intervals.hpp"
#include "run/comm.hpp"
#include "run/outcome.hpp"
#include "run/scheduler.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace tasker::runtime {

/// What of a chunk that was under way has no record.
struct Unfinished {
  base::Ranges tasks;  ///< The first of them was being computed, or, if tasks are short, a later one.
  Time begun;          ///< When the chunk was.
};

/// Waits no longer for a worker with so many slots. What `recorded` finds of its tasks counts as done, the
/// others are pending again; returns those that may have been under way.
std::vector<Unfinished> abandon(Scheduler& scheduler, Outcome& outcome, int worker, std::uint32_t slots,
                                Time now,
                                const std::function<base::IntervalSet(const base::IntervalSet&)>& recorded);

}  // namespace tasker::runtime
