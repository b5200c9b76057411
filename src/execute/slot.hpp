#pragma once

#include "base/shared.hpp"
#include "execute/child.hpp"
#include "execute/run_chunk.hpp"

#include <poll.h>

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tasker::execute {

/// One executor of a rank: a child process that executes chunks, one at a time, so that a task may crash. It
/// is forked when the slot is made and kept; only after a crash another one is forked. What it records comes
/// through a pipe and is written by the rank.
///
/// A crash is the fault of the task that was started last, which is recorded as crashed; tasks that had ended
/// but were not recorded yet are executed again, one by one where any of them may have done the damage.
class Slot {
 public:
  using Clock = Recorder::Clock;

  Slot(const Work& work, Guard& guard);

  bool busy() const { return chunk_ != nullptr; }
  /// Executes a chunk; not while busy.
  void start(std::shared_ptr<Chunk> chunk);

  /// What to poll for: then there is something to hear. So many are added.
  static constexpr std::size_t watched = 3;
  void watch(std::vector<pollfd>& all);

  struct Ended {
    std::shared_ptr<Chunk> chunk;
    ChunkReport report;
  };
  /// Writes to `sink` what the child has recorded, without waiting; the chunk, once all of it is recorded.
  /// `found`: what poll has found of what to poll for. Throws SystemError where no child lives long enough to
  /// start a task.
  std::optional<Ended> hear(std::span<const pollfd> found, FrameSink& sink);

  /// Ends the child if its task has lasted too long. Call now and then where there is a timeout: a task is
  /// noticed when it is first looked at.
  void look(Clock::time_point now);

 private:
  /// An order under way.
  struct Underway {
    Order order;
    std::string_view arguments;  // of its tasks, within the chunk's
    std::uint64_t size = 0;
    std::uint64_t before = 0;    // tasks that its state counts before the first of these
    std::uint64_t recorded = 0;  // tasks that are
    std::uint32_t failures = 0;  // of the next one, within this order
  };

  void send_order();
  /// Reads what the child has said. Throws DamagedError for what can't be true.
  void read(FrameSink& sink);
  void write_frame(std::string_view message, FrameSink& sink);
  std::uint64_t due(const Underway& underway) const;
  std::uint64_t started(const Underway& underway) const;
  Underway part_of(const Underway& whole, std::uint64_t first, std::uint64_t last, bool again) const;
  void after_crash(const ChildEnd& end, bool was_fresh, FrameSink& sink);
  void record_crash(const Underway& task, std::uint32_t attempt, const ChildEnd& end, FrameSink& sink) const;

  const Work& work_;
  Guard& guard_;
  base::Shared<SlotPage> page_;
  std::optional<Child> child_;
  bool fresh_ = true;    // the child has recorded nothing yet
  int vain_deaths_ = 0;  // in a row, without a task to blame
  std::shared_ptr<Chunk> chunk_;
  std::deque<Underway> orders_;  // the child has the first
  ChunkReport report_;
  Clock::time_point begun_;       // the order
  Clock::time_point last_heard_;  // from the child, or the order's begin

  std::uint64_t seen_ = 0;  // how many tasks were started when it was looked at
  Clock::time_point looked_at_;
  Clock::duration lasted_{0};  // how long the last of them has been executed since
  std::uint64_t stopped_ = 0;  // the same when the child was told to end; 0: it was not
  Clock::time_point stopped_at_;
};

}  // namespace tasker::execute
