#pragma once

#include <chrono>

namespace tasker::base {

/// The one clock: it never goes back, and is the same for all processes of a host.
using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

}  // namespace tasker::base
