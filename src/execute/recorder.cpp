#include "execute/recorder.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <ctime>

namespace tasker::execute {

using namespace std::chrono_literals;

namespace {

constexpr auto frame_time = 1ms;
constexpr std::size_t frame_size = std::size_t{1} << 18;
constexpr auto tiny_task = 2us;
/// The most tiny tasks that end between two looks at the clock.
constexpr std::uint32_t most_unlooked = 64;
/// Larger values are not copied into the frame, but written from where they are.
constexpr std::size_t copy_limit = std::size_t{1} << 16;

std::uint64_t thread_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

/// Changes every few milliseconds. Reading it takes a quarter of the time of a look at the precise clock.
std::int64_t tick() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::uint64_t memory_high_water() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024U;
}

}  // namespace

void Recorder::begin() {
  if (in_frame_) return;
  in_frame_ = true;
  unlooked_ = 0;
  frame_begin_ = Clock::now();
  frame_start_ = std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  cpu_at_start_ = thread_cpu_time();
}

void Recorder::end(const store::Record& record) {
  const bool large = record.argument.size() + record.payload.size() + record.output.size() > copy_limit;
  if (large)
    frame_.add_last(record);
  else
    frame_.add(record);
  if (large || frame_.size() > frame_size || frame_.is_full() || is_time()) write();
}

/// Whether the frame has lasted long enough. A look at the clock takes as long as a tiny task. So between
/// some of these only the tick is looked at: a task that lasts is found at its end.
bool Recorder::is_time() {
  if (unlooked_ > 0 && tick() == tick_) {
    --unlooked_;
    return false;
  }
  tick_ = tick();
  const auto lasted = Clock::now() - frame_begin_;
  unlooked_ = lasted < frame_.records() * tiny_task ? std::min(frame_.records() / 8, most_unlooked) : 0;
  return lasted >= frame_time;
}

void Recorder::add(const store::Record& record, std::chrono::nanoseconds lasted) {
  flush();
  begin();
  frame_begin_ -= lasted;
  frame_start_ -= lasted.count();
  end(record);
  flush();
}

void Recorder::flush() {
  if (frame_.records() > 0) write();
  in_frame_ = false;
}

void Recorder::write() {
  const auto duration = Clock::now() - frame_begin_;
  store::FrameInfo info;
  info.together = frame_.records();
  info.start = frame_start_;
  info.duration =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
  info.cpu_time = thread_cpu_time() - cpu_at_start_;
  info.memory = memory_high_water();
  sink_.write(frame_.frame(info));
  frame_.clear();
  in_frame_ = false;
}

}  // namespace tasker::execute
