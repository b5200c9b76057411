#pragma once

#include "runtime/root_map.hpp"
#include "store/hold.hpp"

#include <memory>

namespace tasker::runtime {

/// Joins the run that holds the directory: the ranks of this run compute for that one until the map ends.
/// Returns the archive; null if that run is gone before, or does not hold the directory yet. Throws what that
/// run throws of its tasks; `held` if it can't be joined; and Interrupted if this run must stop.
std::shared_ptr<const store::Archive> join(RootMap& map, const store::Held& held);

}  // namespace tasker::runtime
