#pragma once

#include "base/intervals.hpp"
#include "runtime/arguments.hpp"
#include "runtime/workspace.hpp"
#include "schedule/scheduler.hpp"
#include "store/catalog.hpp"

#include <tasker/detail/call.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

/// What a map can know of its tasks before it begins, after the records of earlier runs were matched with its
/// arguments.
namespace tasker::runtime {

/// What is known of the tasks that are missing. Those that have been given all the time of an allocation in
/// vain are settled where `time` gives them no more.
schedule::Plan make_plan(const detail::MapCall& call, Arguments& arguments, Workspace& workspace,
                         const std::optional<schedule::TimeFrame>& time);

/// How long tasks have lasted, in terms of what is `expected` of them, in seconds if nothing is: those whose
/// results are reused, or, while these are few, all that have ever been computed here.
schedule::Pace past_pace(const store::Catalog& catalog,
                         const std::function<double(std::uint64_t index)>& expected);

/// Calls `visit` for each known attempt at a task, also those with another version or argument, with how long
/// it has lasted: the one that tells most of the task comes last.
void each_attempt(const store::Catalog& catalog,
                  const std::function<void(std::uint64_t index, double seconds)>& visit);

/// Those of `missing` that were under way when the time of an earlier run was up, and for how long.
std::vector<std::pair<std::uint64_t, std::chrono::nanoseconds>> interrupted(const store::Catalog& catalog,
                                                                            const base::IntervalSet& missing);

}  // namespace tasker::runtime
