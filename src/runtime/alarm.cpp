#include "runtime/alarm.hpp"

#include "base/threads.hpp"

#include <chrono>
#include <exception>
#include <utility>

namespace tasker::runtime {

namespace {
/// `fn` may have taken what was missing, such as memory, and give it back.
constexpr std::chrono::seconds pause{1};
}  // namespace

Alarm::Alarm(std::function<Time()> ring)
    : ring_(std::move(ring)),
      thread_(base::start_thread("clock", [this](const std::stop_token& stop) { wait(stop); })) {}

Alarm::~Alarm() {
  thread_.request_stop();
  thread_.join();
}

void Alarm::set(Time when) {
  when_ = when;
  // For a later time it need not wake now: it looks when it wakes.
  if (when < waits_until_) changed_.notify_all();
}

void Alarm::wait(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    waits_until_ = when_;
    changed_.wait_until(lock, stop, waits_until_, [&] { return when_ < waits_until_; });
    if (stop.stop_requested() || Clock::now() < when_) continue;
    try {
      when_ = ring_();
    } catch (const std::exception&) {
      when_ = Clock::now() + pause;
    }
  }
}

}  // namespace tasker::runtime
