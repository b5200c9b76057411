#pragma once

#include "run/comm.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace tasker::runtime {

/// Does something at a certain time, for a thread that may be in `fn` for long and look at no clock.
class LastMoment {
 public:
  /// `act` is called in another thread, while `lock()` is held.
  LastMoment(Time when, std::function<void()> act);
  /// It is not called any more.
  ~LastMoment();
  LastMoment(const LastMoment&) = delete;
  LastMoment& operator=(const LastMoment&) = delete;

  /// Another time counts from now on. While the lock is held.
  void move(Time when);
  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

 private:
  void wait(const std::stop_token& stop);
  std::function<void()> act_;
  Time when_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;  // last: it uses all others
};

}  // namespace tasker::runtime
