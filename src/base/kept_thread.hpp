#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace tasker::base {

/// A thread of Tasker's own (threads.hpp) that is kept: it does one thing after the other, and sleeps in
/// between.
class KeptThread {
 public:
  explicit KeptThread(const std::string& name);
  /// Nothing may be under way.
  ~KeptThread();
  KeptThread(const KeptThread&) = delete;
  KeptThread& operator=(const KeptThread&) = delete;

  /// Does that in the thread; nothing may be under way.
  void begin(std::function<void()> job);
  /// Waits, asleep, until it is done. Throws what it has thrown.
  void wait();

 private:
  void serve(const std::stop_token& stop);
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::function<void()> job_;  // empty: nothing is under way
  std::exception_ptr thrown_;
  std::jthread thread_;  // last: it uses all others
};

}  // namespace tasker::base
