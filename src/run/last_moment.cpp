#include "run/last_moment.hpp"

#include "base/threads.hpp"

#include <pthread.h>

#include <string>
#include <utility>

namespace tasker::runtime {

LastMoment::LastMoment(std::function<void()> act)
    : act_(std::move(act)), thread_([this](const std::stop_token& stop) { wait(stop); }) {}

LastMoment::~LastMoment() {
  thread_.request_stop();
  thread_.join();
}

void LastMoment::move(Time when) {
  if (when == when_) return;
  when_ = when;
  changed_.notify_all();
}

void LastMoment::wait(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), (base::own_thread_prefix + std::string("clock")).c_str());
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Time when = when_;
    changed_.wait_until(lock, stop, when, [&] { return when_ != when; });
    if (stop.stop_requested() || when_ != when || Clock::now() < when) continue;
    act_();
    return;
  }
}

}  // namespace tasker::runtime
