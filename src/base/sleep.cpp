#include "base/sleep.hpp"

#include "base/file.hpp"

#include <cerrno>

namespace tasker::base {

using namespace std::chrono_literals;

bool sleep_until(Time deadline, std::span<pollfd> watched) {
  const Time now = Clock::now();
  const Clock::duration left = deadline <= now ? 0s : deadline - now;
  const timespec timeout{left / 1s, (left % 1s) / 1ns};
  const int ready =
      ::ppoll(watched.data(), watched.size(), deadline == Time::max() ? nullptr : &timeout, nullptr);
  if (ready >= 0) return ready == 0;
  for (pollfd& each : watched) each.revents = 0;
  if (errno != EINTR) throw_errno("wait for", "other processes");
  return false;
}

}  // namespace tasker::base
