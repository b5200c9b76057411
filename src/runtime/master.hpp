#pragma once

#include "base/clock.hpp"
#include "runtime/abandon.hpp"
#include "runtime/attempt.hpp"
#include "runtime/outcome.hpp"
#include "runtime/progress.hpp"
#include "schedule/scheduler.hpp"
#include "talk/comm.hpp"
#include "talk/messages.hpp"

#include <tasker/detail/call.hpp>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace tasker::runtime {

using base::Time;

/// What the master needs to know of the store.
struct MasterStore {
  /// Number of the next attempt of a task.
  std::function<std::uint32_t(std::uint64_t index)> attempt_of;
  /// Writes a frame for a rank that does not see the directory.
  std::function<void(int rank, const talk::Ready& who, std::string_view frame)> write;
  /// Makes what was written for that rank durable.
  std::function<void(int rank)> sync;
  /// Which of these tasks a rank that is gone has recorded as done.
  std::function<base::IntervalSet(int rank, const base::IntervalSet& tasks)> recorded;
  /// Records how an attempt ended that has no result, after so long.
  std::function<void(const Attempt& attempt)> write_attempt;
};

/// Rank 0's side of the conversation during a map: events from workers go to the scheduler, its actions to
/// them.
class Master {
 public:
  /// Adds to `outcome` what workers report.
  Master(talk::Comm& comm, const detail::MapCall& call, schedule::Scheduler& scheduler, Outcome& outcome,
         MasterStore store);

  /// What one message says. Throws what ends the map for all: a worker's trouble, a rank that leaves,
  /// nonsense. A rank that is gone is no such thing: its tasks go to others.
  void handle(const talk::Envelope& envelope);
  /// Sends what the scheduler wants to be sent.
  void dispatch(Time now);

  /// Every worker that is left has closed its journal (after `finish`).
  bool closed() const;
  /// The same with none gone: nobody writes to a journal any more.
  bool all_closed() const;
  /// There is nobody left to compute anything.
  bool alone() const;
  /// Which task may be the cause that ranks died, to be said behind that; empty if none did.
  std::string suspicion() const;
  /// Waits no longer for what is under way: records that it was, and that it is to be done again.
  void give_up(Time now);
  /// Tells the workers that there is no more work.
  void finish();

  /// What the workers said of themselves.
  const std::map<int, talk::Ready>& workers() const { return workers_; }

 private:
  void send_work(const schedule::Assign& assign);
  void count_done(int rank, const talk::Done& done);
  void count_closed(int rank);
  std::vector<Unfinished> abandon(int rank, bool is_gone, Time now);
  void lose(int rank);
  void blame(std::uint64_t index);
  std::uint32_t attempt_of(std::uint64_t index) const;
  talk::Comm& comm_;
  const detail::MapCall& call_;
  schedule::Scheduler& scheduler_;
  MasterStore store_;
  Outcome& outcome_;
  std::map<int, talk::Ready> workers_;
  std::set<int> closed_;
  std::map<std::uint64_t, std::uint32_t> deaths_;  // of ranks, by the task that they were at
};

/// Appends the arguments of `tasks`, in order, each behind its size, as long as a message has room; returns
/// for how many tasks there was room: one at least.
std::uint64_t encode_tasks(const detail::MapCall& call, const base::Ranges& tasks, std::string& out);

/// (index, attempt) of those of `tasks` that are not tried for the first time.
std::vector<std::pair<std::uint64_t, std::uint32_t>> later_attempts(
    const base::Ranges& tasks, const std::function<std::uint32_t(std::uint64_t index)>& attempt_of);

}  // namespace tasker::runtime
