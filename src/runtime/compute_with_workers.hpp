#pragma once

#include "runtime/outcome.hpp"
#include "runtime/progress.hpp"
#include "runtime/timekeeper.hpp"
#include "runtime/workspace.hpp"
#include "schedule/scheduler.hpp"
#include "talk/comm.hpp"

#include <tasker/detail/call.hpp>

#include <functional>

namespace tasker::runtime {

/// Computes what `scheduler` holds on the other ranks, all of which are in this map, until `time` is up.
/// Calls `attend` after every event, when `reporter` is due, and at least every two seconds. Throws
/// Interrupted when no rank is left.
void compute_with_workers(talk::Comm& comm, const detail::MapCall& call, Workspace& workspace,
                          schedule::Scheduler& scheduler, Outcome& outcome, Reporter& reporter,
                          Timekeeper& time, const std::function<void()>& attend);

}  // namespace tasker::runtime
