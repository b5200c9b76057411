#pragma once

#include "base/caught_signal.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

namespace tasker::execute {

/// Until when the tasks of a rank must have ended. Atomics and nothing else, since the thread that talks, the
/// one that executes and the slots' children share it; the clock is the same for all processes of a host.
class Horizon {
 public:
  using Clock = std::chrono::steady_clock;

  /// All must have ended when that has passed; nanoseconds::max() if there is no limit.
  void set_time_left(std::chrono::nanoseconds left) {
    end_ = left > longest ? no_end : (Clock::now() + left).time_since_epoch().count();
  }
  /// All must end as soon as they can.
  void stop() { stop_ = true; }
  /// The same once that signal has come, which outlives this.
  void stop_on(const base::CaughtSignal& signal) { signal_ = &signal; }

  /// nanoseconds::max() if there is no limit.
  std::chrono::nanoseconds time_left() const {
    const std::int64_t end = end_;
    if (end == no_end) return std::chrono::nanoseconds::max();
    return Clock::time_point(Clock::duration(end)) - Clock::now();
  }
  bool stop_requested() const { return stopped() || time_left() <= std::chrono::nanoseconds(0); }
  /// The same without a look at the clock: whoever calls `stop` has looked.
  bool stopped() const { return stop_ || (signal_ && signal_->came()); }

 private:
  static constexpr std::chrono::hours longest{24 * 36500};
  static constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> end_ = no_end;
  std::atomic<bool> stop_ = false;
  const base::CaughtSignal* signal_ = nullptr;
};

inline const Horizon no_limit{};

}  // namespace tasker::execute
