#include "execute/recorder.hpp"

#include <sys/resource.h>

#include <ctime>

namespace tasker::execute {

using namespace std::chrono_literals;

namespace {

constexpr auto frame_time = 1ms;
constexpr std::size_t frame_size = std::size_t{1} << 18;
/// Payloads above this are written from where they are.
constexpr std::size_t copy_limit = std::size_t{1} << 16;
/// What a record has besides argument, output and payload is shorter.
constexpr std::size_t most_head = 128;
/// A buffer that a huge argument needed is not kept for all tiny ones that may follow.
constexpr std::size_t most_kept = std::size_t{1} << 24;

std::uint64_t thread_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
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
  frame_begin_ = Clock::now();
  frame_start_ = std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  cpu_at_start_ = thread_cpu_time();
}

void Recorder::end(store::Record& record) {
  record.fingerprint = fingerprint_(record.argument);
  if (!keep_arguments_) record.argument = {};
  const bool large = record.payload.size() > copy_limit;
  // To grow by doubling would cost another copy.
  if (const std::size_t size = record.argument.size() + record.output.size(); size > copy_limit)
    body_.reserve(body_.size() + size + copy_limit + most_head);
  store::put_record_head(body_, record);
  if (!large) body_ += record.payload;
  ++records_;
  if (large)
    write(record.payload);
  else if (body_.size() > frame_size || Clock::now() - frame_begin_ >= frame_time)
    write({});
}

void Recorder::add(store::Record& record, std::chrono::nanoseconds lasted) {
  flush();
  begin();
  frame_begin_ -= lasted;
  frame_start_ -= lasted.count();
  end(record);
  flush();
}

void Recorder::flush() {
  if (records_ > 0) write({});
  in_frame_ = false;
}

void Recorder::write(std::string_view tail) {
  const auto duration = Clock::now() - frame_begin_;
  store::FrameInfo info;
  info.records = records_;
  info.start = frame_start_;
  info.duration =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
  info.cpu_time = thread_cpu_time() - cpu_at_start_;
  info.memory = memory_high_water();
  sink_.write(info, body_, tail);
  if (body_.capacity() > most_kept) std::string().swap(body_);
  body_.clear();
  records_ = 0;
  in_frame_ = false;
}

}  // namespace tasker::execute
