#pragma once

#include "runtime/root_map.hpp"
#include "store/hold.hpp"

#include <optional>

namespace tasker::runtime {

/// Joins the run that holds the directory: the ranks of this run compute for that one until the map ends.
/// Nothing if that run is gone before, or does not hold the directory yet. Throws what that run throws of its
/// tasks; Held if it can't be joined; Left if nothing is left to compute; Interrupted if this run must stop.
std::optional<Ended> join(RootMap& map, const store::Held& held);

/// The same by the ticket that the options name, without a directory. Waits for a while for a run that leads.
/// Throws Left in the end, since the results are elsewhere; UsageError if the file is no ticket, or the
/// ticket is refused; Interrupted if nobody leads, or the run that leads can't be joined.
Ended join_by_ticket(RootMap& map);

}  // namespace tasker::runtime
