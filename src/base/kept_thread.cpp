#include "base/kept_thread.hpp"

#include "base/threads.hpp"

#include <utility>

namespace tasker::base {

KeptThread::KeptThread(const std::string& name)
    : thread_(start_thread(name, [this](const std::stop_token& stop) { serve(stop); })) {}

KeptThread::~KeptThread() {
  thread_.request_stop();
  thread_.join();
}

void KeptThread::begin(std::function<void()> job) {
  const Lock lock(mutex_);
  job_ = std::move(job);
  changed_.notify_all();
}

void KeptThread::wait() {
  Lock lock(mutex_);
  changed_.wait(lock, [this]() TASKER_REQUIRES(mutex_) { return !job_; });
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void KeptThread::serve(const std::stop_token& stop) {
  Lock lock(mutex_);
  while (changed_.wait(lock, stop, [this]() TASKER_REQUIRES(mutex_) { return bool{job_}; })) {
    const std::function<void()> job = job_;  // job_ itself says that something is under way
    lock.unlock();
    std::exception_ptr thrown;
    try {
      job();
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    thrown_ = std::exchange(thrown, nullptr);
    job_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace tasker::base
