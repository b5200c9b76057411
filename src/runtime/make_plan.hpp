#pragma once

#include "runtime/workspace.hpp"
#include "schedule/scheduler.hpp"

#include <tasker/detail/call.hpp>

#include <optional>

namespace tasker::runtime {

/// What is known of the tasks that are missing. Those that have been given all the time of an allocation in
/// vain are settled where `time` gives them no more.
schedule::Plan make_plan(const detail::MapCall& call, Arguments& arguments, Workspace& workspace,
                         const std::optional<schedule::TimeFrame>& time);

}  // namespace tasker::runtime
