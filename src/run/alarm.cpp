#include "run/alarm.hpp"

#include "base/threads.hpp"

#include <pthread.h>

#include <string>
#include <utility>

namespace tasker::runtime {

Alarm::Alarm(std::function<Time()> ring)
    : ring_(std::move(ring)), thread_([this](const std::stop_token& stop) { wait(stop); }) {}

Alarm::~Alarm() {
  thread_.request_stop();
  thread_.join();
}

void Alarm::set(Time when) {
  if (when == when_) return;
  when_ = when;
  changed_.notify_all();
}

void Alarm::wait(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), (base::own_thread_prefix + std::string("clock")).c_str());
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Time when = when_;
    changed_.wait_until(lock, stop, when, [&] { return when_ != when; });
    if (!stop.stop_requested() && when_ == when && Clock::now() >= when) when_ = ring_();
  }
}

}  // namespace tasker::runtime
