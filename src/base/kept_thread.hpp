#pragma once

#include "base/mutex.hpp"

#include <condition_variable>
#include <exception>
#include <functional>
#include <string>
#include <thread>

namespace tasker::base {

/// A thread of Tasker's own (threads.hpp) that runs one job after the other and sleeps in between.
class KeptThread {
 public:
  explicit KeptThread(const std::string& name);
  /// No job may be running.
  ~KeptThread();

  /// Runs `job` in the thread; no other job may be running.
  void begin(std::function<void()> job);
  /// Sleeps until the job has ended. Throws what the job has thrown.
  void wait();

 private:
  void serve(const std::stop_token& stop);
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::function<void()> job_ TASKER_GUARDED_BY(mutex_);  // empty: none is running
  std::exception_ptr thrown_ TASKER_GUARDED_BY(mutex_);
  std::jthread thread_;  // last: the thread uses all other members
};

}  // namespace tasker::base
