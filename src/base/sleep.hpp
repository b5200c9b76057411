#pragma once

#include "base/clock.hpp"

#include <poll.h>

#include <span>

namespace tasker::base {

/// Sleeps until one of `watched` is ready (its `revents` is set), `deadline` has passed, or a signal has
/// come. Time::max() is no deadline. Returns whether the deadline has passed with nothing ready. Throws
/// SystemError.
bool sleep_until(Time deadline, std::span<pollfd> watched = {});

}  // namespace tasker::base
