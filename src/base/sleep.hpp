#pragma once

#include "base/clock.hpp"

#include <poll.h>

#include <span>

namespace tasker::base {

/// Sleeps until one of `watched` is ready (its `revents` is set), `deadline` has passed, or a signal has
/// come. Time::max(): for as long as it takes. Throws SystemError.
void sleep_until(Time deadline, std::span<pollfd> watched = {});

}  // namespace tasker::base
