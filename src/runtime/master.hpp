#pragma once

#include "runtime/arguments.hpp"
#include "runtime/journals.hpp"
#include "runtime/progress.hpp"
#include "schedule/scheduler.hpp"
#include "talk/messages.hpp"
#include "talk/peers.hpp"

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace tasker::runtime {

/// The unrecorded tasks of a chunk that was under way.
struct Unfinished {
  base::Ranges tasks;         ///< The first one was being computed or, if tasks are short, a later one.
  Clock::duration lasted{0};  ///< A lower bound for the first task.
};

/// Rank 0's side of the conversation during a map: passes what workers say to the scheduler, and what the
/// scheduler wants to the workers.
class Master {
 public:
  /// Adds to `tally` what workers report.
  Master(talk::Peers& peers, const Options& options, const Arguments& arguments,
         schedule::Scheduler& scheduler, talk::Tally& tally, MasterStore& store);

  /// Tells a peer that the map begins: it may compute. `resumes`: it may be at work for an earlier leader.
  void begin(int rank, const talk::Start& start, bool resumes = false);
  /// Whether some of those who may be at work have not said yet what they have in hand.
  bool awaits() const { return !resuming_.empty(); }
  /// Tells all ranks of this run for which the map has begun.
  void tell_own(const talk::TimeLeft& time);
  /// Takes in one message. Throws what ends the map for all: a worker's trouble, a rank that leaves,
  /// nonsense. A lost rank does not end the map: its tasks go to others.
  void handle(const talk::Envelope& envelope);
  /// Sends the scheduler's actions.
  void dispatch(Time now);

  /// A worker gets nothing more: it closes its journal once it has nothing in hand.
  void retire(int peer);
  /// No rank of this run gets anything more.
  void retire_own();
  /// Tells the workers that there is no more work.
  void finish();
  /// Whether no worker has an open journal. After `finish`: all living ones have closed theirs. Before that:
  /// nobody is left to compute.
  bool closed() const { return open_.empty(); }
  bool is_open(int peer) const { return open_.contains(peer); }
  /// The same for the ranks of this run.
  bool closed_own() const { return open_.lower_bound(talk::Gate::first) == open_.begin(); }
  /// Whether nobody writes to a journal any more: a lost rank may still do so for a while.
  bool all_closed() const { return closed() && !any_lost_; }
  /// The end of a sentence that tells of lost ranks: which task may be the cause. Empty if no rank died.
  std::string suspicion() const;
  /// Waits no longer for tasks under way in this run: records them as interrupted.
  void give_up(Time now);

  /// What the workers said of themselves.
  const std::map<int, talk::Ready>& workers() const { return workers_; }

 private:
  void join(int rank, const talk::Ready& who);
  void take_over(int rank, const talk::Ready& who);
  void count_recorded(const base::IntervalSet& tasks);
  void send_work(const schedule::Assign& assign);
  void count_done(int rank, const talk::Done& done);
  void count_closed(int rank);
  void let_go_if_empty_handed(int peer);
  /// Waits no longer for this worker. Its recorded tasks count as done, the others are pending again. Returns
  /// the tasks that may have been under way. A journal may take long to read: that of a worker that is not
  /// gone is read only for chunks of several tasks, since a single task under way is not recorded.
  std::vector<Unfinished> abandon(int rank, bool is_gone, Time now);
  void lose(int rank, bool silent);
  void judge(Time now);
  bool has_died(const std::string& host) const;
  void blame(std::uint64_t index);
  void take_leftover(const base::IntervalSet& pending, const talk::Leftover& left);
  talk::Tried tried(std::uint64_t index) const;
  std::vector<talk::Tried> tried(const base::Ranges& tasks) const;
  talk::Peers& peers_;
  const Options& options_;
  const Arguments& arguments_;
  schedule::Scheduler& scheduler_;
  MasterStore& store_;
  talk::Tally& tally_;
  std::set<int> open_;      // workers for whom the map has begun and who have not closed their journals
  std::set<int> retired_;   // of them: those that get nothing more
  std::set<int> resuming_;  // of them: those that may be at work for an earlier leader, and have not said it
  std::map<int, talk::Ready> workers_;
  bool any_lost_ = false;
  struct Death {
    Time heard;
    std::string host;
    std::vector<std::uint64_t> tasks{};  // that may have been under way
  };
  std::deque<Death> undecided_;  // whether a task may be to blame is not known yet; the oldest first
  std::map<std::uint64_t, std::uint32_t> deaths_;  // for each task: ranks that were lost while computing it
  std::map<std::uint64_t, std::uint32_t> blamed_;  // how many of them count: Options::max_lost bounds them
};

}  // namespace tasker::runtime
