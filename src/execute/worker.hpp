#pragma once

#include "execute/desk.hpp"

#include <tasker/detail/call.hpp>

#include <functional>

namespace tasker::execute {

/// Something else that the main thread has to do, in portions of a few milliseconds, whenever it has nothing
/// to execute; false when that is done. Empty: nothing.
using Errand = std::function<bool()>;

/// What the main thread of a rank does during a map, until no more chunks come to `desk`: it executes them,
/// here or in slots. Nothing but `errand` where the map does not begin on this rank. What it can't go on with
/// is said to rank 0.
void take_part(Desk& desk, const detail::MapCall& call, int rank, const Errand& errand = {});

}  // namespace tasker::execute
