#pragma once

#include "base/shared.hpp"
#include "execute/run_chunk.hpp"
#include "execute/slots/child.hpp"

#include <poll.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tasker::execute::slots {

/// Executes chunks, one at a time, in a child process, so that a task may crash. The child is forked when the
/// slot is made, and kept. After the child's end the slot forks another one when there is work. The child
/// sends its records through a pipe, and the rank writes them.
///
/// The rank never waits for a child, which may be stopped or may have overwritten what they share.
///
/// A crash ends the chunk. The tasks that are not recorded are left over, and rank 0 hands them out again.
/// The task that was started last is to blame. But if the child had executed other tasks before, one of these
/// may have left behind the cause. So the task is a suspect: it is executed again, alone and in a fresh
/// child, and only a crash there is recorded as its own.
class Slot {
 public:
  using Clock = Recorder::Clock;

  Slot(const Work& work, Guard& guard);
  /// Gives up a chunk that has not ended.
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  bool busy() const { return chunk_ != nullptr; }
  /// Why the slot can't execute anything any more: several times in a row no child could be forked, or the
  /// child died before it started a task. Empty while the slot works.
  const std::string& trouble() const { return trouble_; }
  /// Executes a chunk. The slot must not be busy.
  void start(std::shared_ptr<Chunk> chunk);

  /// Adds `watched` entries to poll for. Call `hear` when one is ready.
  static constexpr std::size_t watched = 3;
  void watch(std::vector<pollfd>& all);
  /// Writes to `sink` the records that the child has sent, without waiting. `found`: the entries that `watch`
  /// has added, after poll().
  void hear(std::span<const pollfd> found, FrameSink& sink);

  struct Ended {
    std::shared_ptr<Chunk> chunk;
    ChunkReport report;
  };
  /// The chunk, if it has ended, and what became of it. After that the slot is not busy any more.
  std::optional<Ended> take_ended();

  /// Ends the child if its task has lasted too long, and does whatever else is due. Call it again after
  /// `longest_pause` at the latest; nothing is due if that is empty. A task's time counts from the first look
  /// that finds it started.
  void look(Clock::time_point now);
  std::optional<Clock::duration> longest_pause() const;

 private:
  void proceed(Clock::time_point now);
  void send_chunk();
  void lose_in_vain(const std::string& how, Clock::time_point now);
  /// Reads the child's messages. Throws DamagedError for one that can't be true.
  void read(bool ended, FrameSink& sink);
  void kill_child(const std::string& nonsense = {});
  bool is_cut_off() const { return child_ && !doomed_ && child_->pipe().has_ended(); }
  void write_frame(std::string_view message, FrameSink& sink);
  void save(std::string_view state, FrameSink& sink) const;
  void finish_chunk();
  void end_chunk();
  base::Range tasks_from(std::uint64_t place) const;
  std::optional<std::string_view> argument(std::uint64_t index) const;
  void bury(FrameSink& sink);
  void after_crash(const ChildEnd& end, bool was_fresh, FrameSink& sink);
  void record_crash(const talk::Tried& task, const ChildEnd& end, FrameSink& sink) const;

  const Work& work_;
  Guard& guard_;
  base::Shared<SlotPage> page_;
  std::optional<Child> child_;
  bool fresh_ = true;          // the child has recorded nothing yet
  bool doomed_ = false;        // the child was killed, but has not ended yet
  std::string nonsense_;       // what the child was killed for, if for an impossible message
  bool held_up_ = false;       // the child's output could not be taken
  Clock::time_point cut_off_;  // when the child's end of the pipe was found closed, though the child lives
  int vain_deaths_ = 0;        // deaths in a row without a task to blame
  std::string trouble_;
  Clock::time_point fork_at_;  // the next child is not forked earlier

  std::shared_ptr<Chunk> chunk_;
  bool sent_ = false;             // the child has the chunk
  bool over_ = false;             // the chunk has ended
  ChunkReport report_;            // of the chunk
  Clock::time_point begun_;       // when the chunk was sent
  Clock::time_point last_heard_;  // when the child sent its last message or, if none, the chunk was sent

  Clock::time_point looked_at_;  // time of the last look
  std::uint64_t seen_ = 0;       // tasks that were started by then
  Clock::duration lasted_{0};    // how long the last one of them has been executed since it was seen
  std::uint64_t stopped_ = 0;    // tasks that were started when the child got SIGTERM; 0: it got none
  Clock::time_point stopped_at_;
};

}  // namespace tasker::execute::slots
