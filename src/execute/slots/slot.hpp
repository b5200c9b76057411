#pragma once

#include "base/shared.hpp"
#include "execute/run_chunk.hpp"
#include "execute/slots/child.hpp"
#include "execute/slots/underway.hpp"

#include <poll.h>

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tasker::execute::slots {

/// One executor of a rank: a child process that executes chunks, one at a time, so that a task may crash. It
/// is forked when the slot is made and kept; only after its end another one is forked, when there is work.
/// What it records comes through a pipe and is written by the rank.
///
/// The rank never waits for a child, which may be stopped or may have overwritten what they share.
///
/// A crash is the fault of the task that was started last. Where others were executed by the same child
/// before it, they may have left behind what caused it: then the task is executed once more, in a fresh
/// child. So are tasks that had ended but were not recorded yet. All in the order of the chunk, so that what
/// is done at any time are the first of its tasks.
class Slot {
 public:
  using Clock = Recorder::Clock;

  Slot(const Work& work, Guard& guard);
  /// A chunk that it has not ended is given up.
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  bool busy() const { return chunk_ != nullptr; }
  /// Why it can't go on with its chunk, since again and again no child could be forked, or none lived long
  /// enough to start a task; empty if it can.
  const std::string& trouble() const { return trouble_; }
  /// Goes on with the chunk of another one, which is in trouble; not while busy.
  void take_over(Slot& other);
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
  /// `found`: what poll has found of what to poll for.
  std::optional<Ended> hear(std::span<const pollfd> found, FrameSink& sink);

  /// Ends the child if its task has lasted too long, and does what else is due by itself. Call it at least
  /// that often: a task is noticed when it is first looked at.
  void look(Clock::time_point now);
  std::optional<Clock::duration> longest_pause() const;

 private:
  void proceed(Clock::time_point now);
  void send_order();
  void lose_in_vain(const std::string& how, Clock::time_point now);
  /// Reads what the child has said. Throws DamagedError for what can't be true.
  void read(bool ended, FrameSink& sink);
  void end_for(const std::string& nonsense);
  bool is_cut_off() const { return child_ && !doomed_ && child_->pipe().has_ended(); }
  void write_frame(std::string_view message, FrameSink& sink);
  void save(std::string_view state, FrameSink& sink) const;
  void finish_order(const Finished& finished);
  std::uint64_t due(const Underway& underway) const;
  std::uint64_t started(const Underway& underway) const;
  void bury();
  void after_crash(ChildEnd end, bool was_fresh);
  void settle(FrameSink& sink);
  void record_crash(const Underway& task, const Verdict& verdict, FrameSink& sink) const;

  const Work& work_;
  Guard& guard_;
  base::Shared<SlotPage> page_;
  std::optional<Child> child_;
  bool fresh_ = true;          // the child has recorded nothing yet
  bool doomed_ = false;        // the child was killed: only its end is waited for
  std::string nonsense_;       // that it was killed for
  bool held_up_ = false;       // its output could not be taken
  Clock::time_point cut_off_;  // when its end of the pipe was found closed, though it lives
  int vain_deaths_ = 0;        // in a row, without a task to blame
  std::string trouble_;
  Clock::time_point fork_at_;  // the earliest
  std::shared_ptr<Chunk> chunk_;
  std::deque<Underway> orders_;
  bool sent_ = false;  // the first is posted
  ChunkReport report_;
  Clock::time_point begun_;       // the order
  Clock::time_point last_heard_;  // from the child, or the order's begin

  std::uint64_t seen_ = 0;  // how many tasks were started when it was looked at
  Clock::time_point looked_at_;
  Clock::duration lasted_{0};  // how long the last of them has been executed since
  std::uint64_t stopped_ = 0;  // the same when the child was told to end; 0: it was not
  Clock::time_point stopped_at_;
};

}  // namespace tasker::execute::slots
