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
  /// Call before a task begins, or a batch of them.
  void begin();
  /// How many tasks may end before the one for which `end` is called, as long as there is room for them and
  /// the tick stays the same: more than none after many tiny tasks.
  std::uint32_t most_before() const;
  /// Whether the frame has room for payloads of this size together.
  bool has_room(std::size_t size) const;
  /// Whether no tick of the kernel's clock has passed since the last look at the precise one. Ticks are a few
  /// milliseconds long, and a look at them takes a quarter of the time.
  bool same_tick() const;
  /// Records `count` tasks of the batch. `first` as FrameBuilder::add_run takes it.
  void add_before(const store::Record& first, std::uint32_t count);
  /// Records how the last task of the batch has ended. Values need not stay in place.
  void end(const store::Record& record);
  /// Records, in a frame of its own, a task that has ended now and lasted so long.
  void add(const store::Record& record, std::chrono::nanoseconds lasted);
  /// Writes the records that are collected.
  void flush();

 private:
  bool is_time();
  void write();
  FrameSink& sink_;
  const store::Fingerprinter& fingerprint_;
  store::FrameBuilder frame_;
  bool in_frame_ = false;
  Clock::time_point frame_begin_;
  std::int64_t tick_ = 0;           // of the kernel's clock at the last look at ours
  std::uint32_t unlooked_ = 0;      // tasks that may still end before the next one
  std::int64_t frame_start_ = 0;    // ns since 1970
  std::uint64_t cpu_at_start_ = 0;  // ns
};

}  // namespace tasker::execute
