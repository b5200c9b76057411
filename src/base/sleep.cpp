#include "base/sleep.hpp"

#include "base/file.hpp"

#include <algorithm>
#include <cerrno>

namespace tasker::base {

using namespace std::chrono_literals;

void sleep_until(Time deadline, std::span<pollfd> watched) {
  const Time now = Clock::now();
  const Clock::duration left = deadline <= now ? 0s : deadline - now;
  const timespec timeout{left / 1s, (left % 1s) / 1ns};
  if (::ppoll(watched.data(), watched.size(), deadline == Time::max() ? nullptr : &timeout, nullptr) >= 0)
    return;
  for (pollfd& each : watched) each.revents = 0;
  if (errno != EINTR) throw_errno("wait for", "other processes");
}

}  // namespace tasker::base
