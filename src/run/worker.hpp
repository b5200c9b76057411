#pragma once

#include "run/comm.hpp"
#include "run/messages.hpp"

#include <tasker/detail/call.hpp>

namespace tasker::runtime {

/// A worker's part of a map, from Start to the end. It calls `fn` in this thread and talks in another one;
/// with slots, `fn` is called in children, and this thread feeds them and talks.
End work(Comm& comm, const detail::MapCall& call, const Start& start);

}  // namespace tasker::runtime
