#pragma once

#include "run/comm.hpp"
#include "run/outcome.hpp"
#include "run/progress.hpp"
#include "run/scheduler.hpp"
#include "run/timekeeper.hpp"
#include "run/workspace.hpp"

#include <tasker/detail/call.hpp>

#include <functional>

namespace tasker::runtime {

/// Computes what `scheduler` holds on the other ranks, all of which are in this map, until `time` is up.
/// Calls `attend` after every event, when `reporter` is due, and at least every two seconds. Throws
/// Interrupted when no rank is left.
void compute_with_workers(Comm& comm, const detail::MapCall& call, Workspace& workspace, Scheduler& scheduler,
                          Outcome& outcome, Reporter& reporter, Timekeeper& time,
                          const std::function<void()>& attend);

}  // namespace tasker::runtime
