#pragma once

#include "base/clock.hpp"
#include "schedule/backlog.hpp"
#include "schedule/pace.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace tasker::schedule {

using base::Clock;
using base::Time;

using ChunkId = std::uint64_t;

/// Hand these tasks to this worker, which does them in this order, as soon as it has begun all chunks that it
/// already has and one of its slots is free.
struct Assign {
  int worker = 0;
  ChunkId chunk = 0;
  Ranges tasks;
};

/// Ask this worker to give back unstarted tasks of this chunk. It keeps what it has started and half of the
/// others, rounded down, and answers with how many it keeps.
struct TakeBack {
  int worker = 0;
  ChunkId chunk = 0;
};

using Action = std::variant<Assign, TakeBack>;

/// Until when tasks must have ended, and how long that is in an allocation that begins.
struct TimeFrame {
  Time end;
  Clock::duration whole{};
};

/// A chunk of a worker that is gone.
struct LeftBehind {
  Ranges tasks;
  std::optional<Time> begun{};  ///< When it got a slot, if it did.
};

/// Decides who computes what. Pure: no clock, no messages, no files; events go in, actions come out of
/// `next`.
///
///     Scheduler scheduler(IntervalSet({0, 1000}));
///     scheduler.join(1);
///     while (auto action = scheduler.next(now)) send(*action);   // after every event
///     scheduler.done(1, chunk, busy);                            // an event: worker 1 has reported
///
/// A task is pending (not handed out), in flight (in exactly one worker's chunk) or done (recorded).
///
/// A worker with several slots executes as many chunks at the same time, one per slot. Further chunks wait;
/// whenever a slot is free, the one that was handed out first is begun.
///
/// The first chunks are one task each, and no chunk is larger than the number of tasks finished so far.
/// Otherwise a chunk is a share of what is pending, pending / (4 * slots), so that chunks shrink towards the
/// end; but no more than makes a hand-out cheap, which is 10 ms of work, and no less than rank 0 can keep up
/// with, which is 10 us of work for every slot (hundreds of them make chunks larger). The next chunk goes to
/// the worker that has the fewest for its slots. While tasks are short and plenty, a worker gets the next
/// chunk of every slot before it has finished those it has.
///
/// When nothing is pending, each slot without work has unstarted tasks taken back for it from the chunk that
/// is expected to end last. A chunk that overruns is expected to last as long again as it has lasted.
///
/// Where time is limited, only such tasks are handed out as will end in time: `Pace` tells what a task that
/// lasts long lasts, by those of this run and of earlier ones, and `Plan` what is known of each. A task that
/// would not even fit into a whole allocation is handed out at the begin of one; if it is known beforehand
/// which these are, when no other is left.
///
/// What a worker says is checked first: a message that can't be true throws std::invalid_argument and changes
/// nothing. A call costs O(log(chunks in flight)), however many tasks and workers there are; one that takes
/// back costs that for every chunk of the workers whose chunks have changed since the last time.
class Scheduler {
 public:
  /// `pace`: what earlier runs tell of how long tasks last.
  /// `more`: others will be added.
  explicit Scheduler(const IntervalSet& pending, Plan plan = {}, const Pace& pace = {}, bool more = false);

  /// Tasks that are pending, too, from now on; `more`: others follow.
  void add(const Ranges& tasks, bool more);

  /// Time is limited from now on, or differently, or no more.
  void set_time(std::optional<TimeFrame> time) {
    time_ = time;
    dry_ = nothing_fits_ = false;
  }

  /// A worker that is ready for work. Throws std::invalid_argument if it has joined already or has no slots.
  void join(int worker, std::uint32_t slots = 1);
  /// A worker that is gone: its unfinished tasks are pending again; returns its chunks, in the order in which
  /// it would have begun them. Nothing happens if it is gone already. What it still says afterwards must not
  /// be passed on: its chunks are unknown here.
  std::vector<LeftBehind> leave(int worker);
  /// Pending tasks that turn out to be recorded.
  void found(const Ranges& recorded);
  /// Tasks of which one may have been the end of its worker: from now on each is handed out in a chunk of its
  /// own, so that it shows which.
  void suspect(const Ranges& tasks) { backlog_.suspect(tasks); }

  /// The worker recorded every task that it kept of this chunk, which kept it busy for `busy` of wall time.
  /// Throws std::invalid_argument if it has no such chunk or `busy` is negative.
  void done(int worker, ChunkId chunk, Clock::duration busy);
  /// The worker confirms a take-back, or nobody has asked and it does so on its own (so may the caller,
  /// before it sends an Assign that is too large for a message): the first `kept` tasks of the chunk stay,
  /// the others are pending again. With `kept` == 0 the chunk has ended. A chunk that has ended already stays
  /// as it is, for the answer may cross the report. Throws std::invalid_argument if the chunk never existed
  /// or is another worker's, or `kept` is more than it holds.
  void returned(int worker, ChunkId chunk, std::uint64_t kept);

  /// The next thing to send, if any; call until it returns nothing, after every event. `now` never goes back.
  std::optional<Action> next(Time now);

  /// Hands out nothing more from now on (a stop, a drain): finished() as soon as nothing is in flight.
  void drain() { draining_ = true; }
  /// Nothing in flight, and nothing pending that will be handed out, or added.
  bool finished() const {
    return in_flight_ == 0 && (draining_ || (!more_ && (nothing_fits_ || backlog_.empty())));
  }

  /// Numbers of tasks.
  std::uint64_t pending() const { return backlog_.size(); }
  std::uint64_t in_flight() const { return in_flight_; }
  std::uint64_t done_count() const { return done_.size(); }
  IntervalSet pending_tasks() const { return backlog_.tasks(); }
  const IntervalSet& done_tasks() const { return done_; }

  /// Numbers of workers that have joined, of all their slots, and of those without a chunk.
  std::size_t workers() const { return workers_.size(); }
  std::size_t slots() const { return slots_; }
  std::size_t idle_slots() const { return idle_slots_; }
  /// Those that were without a chunk when there was nothing more to send, and so stay it for a while.
  std::size_t resting_slots() const { return std::min(resting_slots_, slots_); }

  /// How long what is pending would keep one slot busy; nothing while nobody knows.
  std::optional<Clock::duration> pending_work() const;

 private:
  struct Chunk {
    int worker = 0;
    Ranges tasks;
    std::uint64_t size = 0;
    std::optional<Time> begun{};  // when it got a slot
    Time expected_end;
    bool ranked = false;   // it is in by_end_
    bool asked = false;    // a take-back is under way
    bool started = false;  // all its tasks are, the worker says
  };
  using Chunks = std::unordered_map<ChunkId, Chunk>;
  struct Worker {
    std::size_t slots = 1;
    std::vector<ChunkId> chunks{};  // in the order in which it begins them: the first `slots` have one each

    std::size_t idle() const { return slots - std::min(slots, chunks.size()); }
    double load() const { return static_cast<double>(chunks.size()) / static_cast<double>(slots); }
  };

  std::optional<Action> assign(Time now);
  Room room(const Worker& worker, Time now) const;
  std::optional<Action> take_back(Time now);
  bool prefetches() const;
  std::uint64_t chunk_size() const;
  void learn(const Chunk& chunk, Clock::duration busy);

  void end(Chunks::iterator chunk);
  void file(int id, const Worker& worker);
  void unfile(int id, const Worker& worker);
  void begin(int id, Time now);
  void rank(int id, Time now);
  void unrank(ChunkId id, Chunk& chunk);

  Backlog backlog_;
  IntervalSet done_;
  std::uint64_t in_flight_ = 0;
  bool draining_ = false;
  bool more_ = false;  // tasks will be added
  std::optional<TimeFrame> time_;
  bool nothing_fits_ = false;  // into what is left of the time

  Chunks chunks_;
  ChunkId next_id_ = 1;
  std::unordered_map<int, Worker> workers_;
  std::set<std::pair<double, int>> by_load_;   // workers by chunks per slot
  std::size_t slots_ = 0;                      // of all workers
  std::size_t idle_slots_ = 0;                 // of them, those without a chunk
  std::size_t resting_slots_ = 0;              // the same when next() returned nothing
  std::set<std::pair<Time, ChunkId>> by_end_;  // chunks that may hold unstarted tasks
  std::vector<int> changed_;                   // workers whose chunks have, since the last `next`
  std::set<int> unranked_;                     // workers whose chunks must be ranked anew
  std::size_t asked_ = 0;                      // take-backs under way
  bool dry_ = false;                           // tasks are being taken back, for nothing was pending

  Pace pace_;
  std::uint64_t samples_ = 0;  // finished chunks
  double log_duration_ = 0;    // of a task in seconds, a moving average over chunks
};

}  // namespace tasker::schedule
