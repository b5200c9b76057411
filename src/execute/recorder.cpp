#include "execute/recorder.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <ctime>

namespace tasker::execute {

using namespace std::chrono_literals;

namespace {

constexpr auto frame_time = 1ms;
/// Of the values. A record that does not fit in is written at once, from where it is.
constexpr std::size_t frame_size = std::size_t{1} << 16;
constexpr auto tiny_task = 2us;
/// The most tiny tasks that end between two looks at the clock.
constexpr std::uint32_t most_unlooked = 64;

std::uint64_t thread_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

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

std::uint32_t Recorder::most_before() const {
  return std::min(unlooked_, store::most_records - 1 - frame_.records());
}

bool Recorder::has_room(std::size_t size) const { return frame_.size() + size <= frame_size; }

bool Recorder::same_tick() const { return tick() == tick_; }

void Recorder::add_before(const store::Record& first, std::uint32_t count) {
  frame_.add_run(first, count);
  unlooked_ -= std::min(unlooked_, count);
}

void Recorder::end(const store::Record& record) {
  const std::size_t size = record.argument.size() + record.payload.size() + record.output.size();
  if (!has_room(size) || frame_.records() + 1 == store::most_records || is_time()) {
    frame_.add_last(record);
    write();
  } else {
    frame_.add(record);
  }
}

/// Whether the frame has lasted long enough. A look at the clock takes as long as a tiny task. So between
/// some of these only the tick is looked at: a task that lasts is found at its end.
bool Recorder::is_time() {
  if (unlooked_ > 0 && same_tick()) {
    --unlooked_;
    return false;
  }
  tick_ = tick();
  const auto lasted = Clock::now() - frame_begin_;
  const std::uint32_t records = frame_.records() + 1;
  unlooked_ = lasted < records * tiny_task ? std::min(records / 8, most_unlooked) : 0;
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
