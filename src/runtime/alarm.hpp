#pragma once

#include "base/clock.hpp"
#include "talk/comm.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace tasker::runtime {

using base::Clock;
using base::Time;

/// Looks at the clock for a thread that may be in `fn` for long.
class Alarm {
 public:
  /// `ring` is called in another thread, while `lock()` is held, and returns when it is to be called again;
  /// never before `set`; soon, if it throws.
  explicit Alarm(std::function<Time()> ring);
  /// It is not called any more.
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// It rings then; Time::max(): not at all. While the lock is held.
  void set(Time when);
  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

 private:
  void wait(const std::stop_token& stop);
  std::function<Time()> ring_;
  Time when_ = Time::max();
  Time waits_until_ = Time::max();
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;  // last: it uses all others
};

}  // namespace tasker::runtime
