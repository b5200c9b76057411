#pragma once

#include "store/frame_builder.hpp"
#include "store/paths.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace tasker::execute {

/// Where finished frames go: to a journal or, if the rank does not see the directory, to rank 0.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// When it returns, the frame survives a kill -9 of this process, or reaches rank 0 before everything that
  /// is posted later.
  virtual void write(const store::FrameParts& frame) = 0;
  /// Keeps the state that a running task has saved, until the task's record is written. Does nothing on a
  /// rank that does not see the directory.
  virtual void save(const store::StateName& /*name*/, std::string_view /*state*/) {}
  /// When it returns, all frames survive what the run's durability asks for.
  virtual void sync() {}
};

/// Turns results into records. Those of short tasks are collected into one frame; what is not yet written
/// never stands for more than a millisecond of work, or of a few if one after many tiny tasks lasts that
/// long.
class Recorder {
 public:
  Recorder(FrameSink& sink, const store::Fingerprinter& fingerprint, bool keep_arguments)
      : sink_(sink), fingerprint_(fingerprint), frame_(fingerprint, keep_arguments) {}

  using Clock = std::chrono::steady_clock;

  /// Saves the state of the task that began last, which has this index and argument.
  void save(std::uint64_t index, std::string_view argument, std::string_view state) {
    sink_.save({index, fingerprint_(argument)}, state);
  }
  /// Call before a task begins. Its payload is to be appended to the string that is returned.
  std::string& begin();
  /// Replaces what was appended since the task began.
  void replace_payload(std::string_view payload);
  /// Records how the task that began last has ended. Its payload is what was appended. Its argument must stay
  /// in place until `flush`.
  void end(const store::Record& record);
  /// Records, in a frame of its own, a task that has ended now and lasted so long.
  void add(const store::Record& record, std::chrono::nanoseconds lasted);
  /// Writes the records that are collected.
  void flush();

 private:
  bool continues_run(const store::Record& record) const;
  /// All records of the run, as FrameBuilder::add_run takes them.
  store::Record run() const;
  void end_run();
  bool is_time();
  void write();
  std::uint32_t records() const { return frame_.records() + run_records_; }
  FrameSink& sink_;
  const store::Fingerprinter& fingerprint_;
  store::FrameBuilder frame_;
  std::string payloads_;           // of the records of the run, and of the task that has begun
  std::size_t payload_begin_ = 0;  // of that task
  // Records that go into the frame together, as they have consecutive indices and values of equal size.
  store::Record run_;  // the first one, without its payload
  std::uint32_t run_records_ = 0;
  std::size_t run_begin_ = 0;  // of its payloads
  std::size_t run_payload_size_ = 0;
  bool in_frame_ = false;
  Clock::time_point frame_begin_;
  std::int64_t tick_ = 0;           // of the kernel's clock at the last look at ours
  std::uint32_t unlooked_ = 0;      // tasks that may still end before the next look
  std::int64_t frame_start_ = 0;    // ns since 1970
  std::uint64_t cpu_at_start_ = 0;  // ns
};

}  // namespace tasker::execute
