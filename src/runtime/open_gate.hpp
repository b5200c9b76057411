#pragma once

#include "runtime/root_map.hpp"
#include "store/fence.hpp"
#include "store/hold.hpp"

#include <string>
#include <vector>

namespace tasker::runtime {

/// Lets other runs join this one from now on, as the options say, and sets in `self` where. What the system
/// refuses is said: then those runs find the directory held. Throws UsageError if the options name no place
/// of this host.
void open_gate(RootMap& map, const store::Fence& fence, store::Holder& self);

/// Listens over TCP, too, if this run does not do so yet. Returns where, and says so. Throws SystemError, and
/// UsageError as above.
std::vector<std::string> listen_to_hosts(RootMap& map, const store::Fence& fence);

/// A run that may take the lead listens beforehand, so that others know where. Does nothing if the options
/// are against it, or the system is.
void listen_as_successor(RootMap& map);

}  // namespace tasker::runtime
