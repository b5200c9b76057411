#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

namespace tasker::execute {

/// Until when the tasks of a rank must have ended. The thread that talks, the one that executes and the
/// slots' children share it, so its members are atomic; they all read the same clock.
class Horizon {
 public:
  using Clock = std::chrono::steady_clock;

  /// All tasks must have ended when `left` has passed. nanoseconds::max() is no limit.
  void set_time_left(std::chrono::nanoseconds left) {
    end_ = left > longest ? no_end : (Clock::now() + left).time_since_epoch().count();
  }
  /// All tasks must end as soon as they can.
  void stop() { stop_ = true; }

  /// nanoseconds::max() if there is no limit.
  std::chrono::nanoseconds time_left() const {
    const std::int64_t end = end_;
    if (end == no_end) return std::chrono::nanoseconds::max();
    return Clock::time_point(Clock::duration(end)) - Clock::now();
  }
  bool stop_requested() const { return stopped() || time_left() <= std::chrono::nanoseconds(0); }
  /// Whether `stop` was called. Unlike `stop_requested` this does not read the clock.
  bool stopped() const { return stop_; }

 private:
  static constexpr std::chrono::hours longest{24 * 36500};
  static constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> end_ = no_end;
  std::atomic<bool> stop_ = false;
};

inline const Horizon no_limit{};

}  // namespace tasker::execute
