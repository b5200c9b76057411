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
constexpr std::size_t most_kept = std::size_t{1} << 24;

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

std::string& Recorder::begin() {
  payload_begin_ = payloads_.size();
  if (in_frame_) return payloads_;
  in_frame_ = true;
  unlooked_ = 0;
  frame_begin_ = Clock::now();
  frame_start_ = std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  cpu_at_start_ = thread_cpu_time();
  return payloads_;
}

void Recorder::replace_payload(std::string_view payload) {
  payloads_.replace(payload_begin_, std::string::npos, payload);
}

void Recorder::end(const store::Record& record) {
  if (!continues_run(record)) {
    end_run();
    run_ = record;
    run_begin_ = payload_begin_;
    run_payload_size_ = payloads_.size() - payload_begin_;
  }
  ++run_records_;
  const std::size_t size = run_.argument.size() + run_payload_size_ + run_.output.size();
  if (size > copy_limit || frame_.size() + run_records_ * size > frame_size ||
      records() == store::most_records || is_time())
    write();
  else if (!record.output.empty())
    end_run();  // the output does not stay in place
}

/// Whether the record belongs to the run.
bool Recorder::continues_run(const store::Record& record) const {
  return run_records_ > 0 && record.index == run_.index + run_records_ &&
         record.argument.size() == run_.argument.size() &&
         record.argument.data() == run_.argument.data() + run_records_ * run_.argument.size() &&
         payloads_.size() - payload_begin_ == run_payload_size_ && record.outcome == run_.outcome &&
         record.binding == run_.binding && record.attempt == run_.attempt && record.output.empty();
}

store::Record Recorder::run() const {
  store::Record run = run_;
  run.argument = {run_.argument.data(), run_records_ * run_.argument.size()};
  run.payload = std::string_view(payloads_).substr(run_begin_, run_records_ * run_payload_size_);
  return run;
}

void Recorder::end_run() {
  if (run_records_ == 0) return;
  frame_.add_run(run(), run_records_);
  run_records_ = 0;
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
  unlooked_ = lasted < records() * tiny_task ? std::min(records() / 8, most_unlooked) : 0;
  return lasted >= frame_time;
}

void Recorder::add(const store::Record& record, std::chrono::nanoseconds lasted) {
  flush();
  begin() += record.payload;
  frame_begin_ -= lasted;
  frame_start_ -= lasted.count();
  end(record);
  flush();
}

void Recorder::flush() {
  if (records() > 0) write();
  in_frame_ = false;
}

void Recorder::write() {
  const auto duration = Clock::now() - frame_begin_;
  store::FrameInfo info;
  info.together = records();
  info.start = frame_start_;
  info.duration =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
  info.cpu_time = thread_cpu_time() - cpu_at_start_;
  info.memory = memory_high_water();
  if (run_records_ == 1)
    frame_.add_last(run());  // it may be large
  else if (run_records_ > 1)
    frame_.add_run(run(), run_records_);
  run_records_ = 0;
  sink_.write(frame_.frame(info));
  frame_.clear();
  // A larger buffer, which a huge result has needed, is not kept: all that follow may be tiny.
  if (payloads_.capacity() > most_kept) std::string().swap(payloads_);
  payloads_.clear();
  payload_begin_ = 0;
  in_frame_ = false;
}

}  // namespace tasker::execute
