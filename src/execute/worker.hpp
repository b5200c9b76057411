#pragma once

#include "execute/desk.hpp"

#include <tasker/detail/call.hpp>

#include <functional>

namespace tasker::execute {

/// Other work of the main thread, done whenever there is no chunk to execute. Each call does a few
/// milliseconds of it, and returns false when nothing is left to do.
using Errand = std::function<bool()>;

/// What the main thread of a rank does during a map: executes the chunks that come to `desk`, itself or in
/// slots, until no more come. If the map ends before it begins on this rank, only `errand` is done. A failure
/// is reported to rank 0, not thrown.
void take_part(Desk& desk, const detail::MapCall& call, const Errand& errand);

}  // namespace tasker::execute
