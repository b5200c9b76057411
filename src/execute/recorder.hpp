#pragma once

#include "store/fingerprint.hpp"
#include "store/paths.hpp"
#include "store/record.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace tasker::execute {

/// Where finished frames go: a journal, or rank 0 for a rank that does not see the directory.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// When it returns, the frame will not be lost to a kill -9 of this process, or is on its way in order.
  virtual void write(const store::FrameInfo& info, std::string_view head, std::string_view tail) = 0;
  /// Keeps the state that a task under way has saved until its record is written; does nothing where nobody
  /// could.
  virtual void save(const store::StateName& /*name*/, std::string_view /*state*/) {}
  /// When it returns, all frames survive what the run's durability asks for.
  virtual void sync() = 0;
};

/// Turns results into records and collects those of short tasks into common frames, so that what is not yet
/// written never stands for more than a millisecond of work.
class Recorder {
 public:
  Recorder(FrameSink& sink, const store::Fingerprinter& fingerprint, bool keep_arguments)
      : sink_(sink), fingerprint_(fingerprint), keep_arguments_(keep_arguments) {}

  using Clock = std::chrono::steady_clock;

  /// The state of the task that began last, with this index and argument.
  void save(std::uint64_t index, std::string_view argument, std::string_view state) {
    sink_.save({index, fingerprint_(argument)}, state);
  }
  /// Call before a task begins.
  void begin();
  /// Records how the task ended that began last. Fills in the fingerprint and drops an argument
  /// that is not kept.
  void end(store::Record& record);
  /// Records, on its own, a task that lasted that long until now.
  void add(store::Record& record, std::chrono::nanoseconds lasted);
  /// Writes what is collected.
  void flush();

 private:
  void write(std::string_view tail);
  FrameSink& sink_;
  const store::Fingerprinter& fingerprint_;
  bool keep_arguments_;
  std::string body_;
  std::uint32_t records_ = 0;
  bool in_frame_ = false;
  Clock::time_point frame_begin_;
  std::int64_t frame_start_ = 0;    // ns since 1970
  std::uint64_t cpu_at_start_ = 0;  // ns
};

}  // namespace tasker::execute
