#pragma once

#include "base/intervals.hpp"
#include "schedule/pace.hpp"
#include "store/catalog.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

/// What the records of earlier runs tell of a map's tasks, after they were matched with its arguments.
namespace tasker::runtime {

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
