#pragma once

#include "runtime/master.hpp"
#include "runtime/timekeeper.hpp"
#include "runtime/workspace.hpp"
#include "schedule/scheduler.hpp"

#include <tasker/detail/call.hpp>

#include <functional>

namespace tasker::runtime {

/// Computes what `scheduler` holds where there are no other ranks, in this thread or in this process's slots,
/// until `time` is up. Calls `attend` after every chunk, and at least every two seconds while slots compute.
void compute_here(const detail::MapCall& call, const Workspace& workspace, schedule::Scheduler& scheduler,
                  Outcome& outcome, Timekeeper& time, const std::function<void()>& attend);

}  // namespace tasker::runtime
