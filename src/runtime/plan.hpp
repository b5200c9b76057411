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

/// What a map knows of its tasks before it begins, from the program and from the records of earlier runs.
namespace tasker::runtime {

/// What is known of the missing tasks. A task that has had the whole time of an allocation in vain, and gets
/// no more by `time`, is settled as failed.
schedule::Plan make_plan(const detail::MapCall& call, Arguments& arguments, Workspace& workspace,
                         const std::optional<schedule::TimeFrame>& time);

/// How long tasks have lasted, as a multiple of what is `expected` of them or, if that is empty, in seconds.
/// Counts the tasks whose results are reused; if these are few, also all others that the directory records.
schedule::Pace past_pace(const store::Catalog& catalog,
                         const std::function<double(std::uint64_t index)>& expected);

/// Calls `visit` for each recorded attempt at a task, with how long it has lasted. Includes attempts with
/// another version or argument; the attempt that the task itself reuses or goes on from comes last.
void each_attempt(const store::Catalog& catalog,
                  const std::function<void(std::uint64_t index, double seconds)>& visit);

/// The tasks of `missing` that were under way when the time of an earlier run was up, and for how long.
std::vector<std::pair<std::uint64_t, std::chrono::nanoseconds>> interrupted(const store::Catalog& catalog,
                                                                            const base::IntervalSet& missing);

}  // namespace tasker::runtime
