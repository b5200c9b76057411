#pragma once

#include "runtime/arguments.hpp"
#include "runtime/journals.hpp"
#include "runtime/progress.hpp"
#include "schedule/scheduler.hpp"
#include "talk/messages.hpp"
#include "talk/peers.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace tasker::runtime {

/// What of a chunk that was under way has no record.
struct Unfinished {
  base::Ranges tasks;         ///< The first of them was being computed, or, if tasks are short, a later one.
  Clock::duration lasted{0};  ///< The first one, at least.
};

/// Rank 0's side of the conversation during a map: events from workers go to the scheduler, its actions to
/// them.
class Master {
 public:
  /// Adds to `tally` what workers report.
  Master(talk::Peers& peers, const Options& options, const Arguments& arguments,
         schedule::Scheduler& scheduler, talk::Tally& tally, MasterStore& store);

  /// The map begins for this rank: it may compute.
  void begin(int rank, const talk::Start& start);
  /// To all for which it has begun.
  void tell(const talk::TimeLeft& time);
  /// What one message says. Throws what ends the map for all: a worker's trouble, a rank that leaves,
  /// nonsense. A rank that is gone is no such thing: its tasks go to others.
  void handle(const talk::Envelope& envelope);
  /// Sends what the scheduler wants to be sent.
  void dispatch(Time now);

  /// Tells the workers that there is no more work.
  void finish();
  /// Every worker that is left has closed its journal (after `finish`): before that, nobody is left to
  /// compute.
  bool closed() const { return open_.empty(); }
  /// The same with none gone: nobody writes to a journal any more.
  bool all_closed() const { return closed() && !any_lost_; }
  /// Which task may be the cause that ranks died, to be said behind that; empty if none did.
  std::string suspicion() const;
  /// Waits no longer for what is under way: records that it was, and that it is to be done again.
  void give_up(Time now);

  /// What the workers said of themselves.
  const std::map<int, talk::Ready>& workers() const { return workers_; }

 private:
  void join(int rank, const talk::Ready& who);
  void send_work(const schedule::Assign& assign);
  void count_done(int rank, const talk::Done& done);
  void count_closed(int rank);
  /// Waits no longer for this worker. What is recorded of its tasks counts as done, the others are pending
  /// again; returns those that may have been under way. A worker that is not gone has told what it has done
  /// but in the midst of a chunk; then no more is asked for, since a journal may take long to read.
  std::vector<Unfinished> abandon(int rank, bool is_gone, Time now);
  void lose(int rank);
  void blame(std::uint64_t index);
  std::uint32_t attempt_of(std::uint64_t index) const;
  talk::Peers& peers_;
  const Options& options_;
  const Arguments& arguments_;
  schedule::Scheduler& scheduler_;
  MasterStore& store_;
  talk::Tally& tally_;
  std::set<int> open_;  // for whom it has begun, and who have neither closed their journals nor gone
  std::map<int, talk::Ready> workers_;
  bool any_lost_ = false;
  std::map<std::uint64_t, std::uint32_t> deaths_;  // of ranks, by the task that they were at
};

/// "rank 3: ", and nothing for this process.
std::string rank_prefix(int rank);

}  // namespace tasker::runtime
