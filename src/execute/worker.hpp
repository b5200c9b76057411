#pragma once

#include "base/clock.hpp"
#include "talk/comm.hpp"
#include "talk/messages.hpp"

#include <tasker/detail/call.hpp>

namespace tasker::execute {

using base::Clock;
using base::Time;

/// A worker's part of a map, from Start to the end. It calls `fn` in this thread and talks in another one;
/// with slots, `fn` is called in children, and this thread feeds them and talks.
talk::End work(talk::Comm& comm, const detail::MapCall& call, const talk::Start& start);

}  // namespace tasker::execute
