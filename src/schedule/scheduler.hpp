#pragma once

#include "base/clock.hpp"
#include "schedule/backlog.hpp"
#include "schedule/pace.hpp"
#include "schedule/places.hpp"
#include "schedule/retries.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace tasker::schedule {

using base::Clock;
using base::Time;

using ChunkId = std::uint64_t;

/// Hand these tasks to this worker. It computes them in this order, as soon as it has begun all its earlier
/// chunks and one of its slots is free.
struct Assign {
  int worker = 0;
  ChunkId chunk = 0;
  Ranges tasks;
  bool suspect = false;  ///< The only task may be the end of who executes it.
};

/// Ask this worker to give back unstarted tasks of this chunk. It keeps the tasks that it has started and
/// half of the others, rounded down, and answers how many it keeps.
struct TakeBack {
  int worker = 0;
  ChunkId chunk = 0;
};

using Action = std::variant<Assign, TakeBack>;

/// When tasks must have ended, and how long an allocation is.
struct TimeFrame {
  Time end;
  Clock::duration whole{};
};

/// What a worker has not done of a chunk that has ended.
struct NotDone {
  Ranges left = {};            ///< Not executed to their end; may include other tasks.
  Ranges failed = {};          ///< They have failed, and are to be tried again.
  std::uint64_t given_up = 0;  ///< How many of the others have failed for good.
};

/// A chunk of a worker that has left.
struct LeftBehind {
  Ranges tasks;
  std::optional<Time> begun{};  ///< When it got a slot; nothing if it never did.
};

/// Decides who computes what. Pure: no clock, no messages, no files. Events go in; `next` returns actions.
///
///     Scheduler scheduler(IntervalSet({0, 1000}));
///     scheduler.join(1);
///     while (auto action = scheduler.next(now)) send(*action);   // after every event
///     scheduler.done(1, chunk, busy);                            // an event: worker 1 has reported
///
/// A task is pending (not handed out), in flight (in exactly one worker's chunk) or done (recorded).
///
/// A worker with several slots executes several chunks at the same time, one per slot. Its other chunks wait;
/// a slot that becomes free begins the one that was handed out first.
///
/// The first chunks have one task each, and no chunk has more than four times as many tasks as have been
/// finished so far. Otherwise the size of a chunk is pending / (4 * slots), so that chunks shrink towards the
/// end, within two bounds. It is at least 10 us of work for every slot of all workers, so that rank 0 can
/// keep up, and at least 0.15 ms, which is what a hand-out costs. It is at most 40 ms of work, which makes
/// the hand-out cheap, or twice the lower bound where that is more (with hundreds of slots). The next chunk
/// goes to the worker that has the fewest chunks per slot. While tasks are short and plenty, workers get a
/// second chunk for every slot before the first one is finished.
///
/// When nothing is pending, unstarted tasks are taken back for each idle slot, from the chunk that is
/// expected to end last. A chunk that lasts longer than expected is expected to last as long again as it has
/// lasted so far.
///
/// Where time is limited, only tasks that will end in time are handed out. `Pace` has a cautious estimate of
/// how long a task lasts, from this run and earlier ones; `Plan` has what is known of each task. A task that
/// would not even fit into a whole allocation is handed out when one begins; if such tasks are known
/// beforehand, when no others are left.
///
/// A task that has failed and is to be tried again comes before others, but after a pause, and elsewhere
/// first: see Retries and Places.
///
/// Messages from workers are checked: one that can't be true throws std::invalid_argument and changes
/// nothing. A call costs O(log(chunks in flight)), however many tasks and workers there are. A call that
/// takes tasks back costs that for every chunk of the workers whose chunks have changed since the last time.
/// While tasks are to be tried again, `next` may look at each idle worker, for each set of workers at which
/// such tasks have failed.
class Scheduler {
 public:
  /// `pace`: how long tasks lasted in earlier runs. `more`: whether `add` will bring further tasks. Chunks
  /// are numbered from `first_chunk` on.
  explicit Scheduler(const IntervalSet& pending, Plan plan = {}, const Pace& pace = {}, bool more = false,
                     ChunkId first_chunk = 1);

  /// Adds pending tasks. `more`: whether further tasks follow.
  void add(const Ranges& tasks, bool more);

  /// Sets, changes or lifts the time limit.
  void set_time(std::optional<TimeFrame> time) {
    time_ = time;
    taking_back_ = nothing_fits_ = false;
    retries_fit_ = true;
  }
  /// The same for one worker alone, before it joins or later, until it leaves.
  void set_time(int worker, std::optional<TimeFrame> time) {
    times_[worker] = time;
    taking_back_ = nothing_fits_ = false;
    retries_fit_ = true;
  }

  /// How long a task that has failed is not tried again; twice as long after each further failure.
  void set_retry_after(Clock::duration pause) { retries_.set_pause(pause); }

  /// This worker will join, or leave: what fails elsewhere waits for it.
  void expect(int worker) { places_.expect(worker); }
  /// A worker is ready for work. Throws std::invalid_argument if it has joined already or has no slots.
  void join(int worker, std::uint32_t slots = 1, const std::string& host = {});
  /// A worker has left: its unfinished tasks are pending again. Returns its chunks, in the order in which it
  /// would have begun them; none if it had left before. Don't pass on later messages from it: its chunks are
  /// unknown.
  std::vector<LeftBehind> leave(int worker);
  /// A worker has a chunk that another scheduler gave it, has started these tasks of it and will not start
  /// others. Those of them that are pending are in flight from now on. Throws std::invalid_argument if the
  /// worker is unknown, or the chunk is known.
  void adopt(int worker, ChunkId chunk, const Ranges& tasks);
  /// Whether a worker has brought that chunk along.
  bool is_adopted(ChunkId chunk) const { return adopted_.contains(chunk); }
  /// A worker gets nothing more. It stays until it leaves, and ends its chunks or gives them back.
  void retire(int worker);
  /// Whether a worker has nothing in hand.
  bool is_empty_handed(int worker) const;
  /// Pending tasks turned out to be recorded.
  void found(const Ranges& recorded);
  /// One of these tasks may have killed its worker, or a process there. From now on each of them is handed
  /// out in a chunk of its own, so that it shows which one.
  void suspect(const Ranges& tasks) { backlog_.suspect(tasks); }

  /// This pending task is not handed out before so much time has passed.
  void hold(std::uint64_t index, Clock::duration pause);

  /// The chunk has ended. The worker has recorded every task of it that it kept, but for those that
  /// `not_done` tells: these are pending again, and returned. `busy`: the wall time that the worker spent on
  /// the chunk. Throws std::invalid_argument if the worker has no such chunk or no such failed task in it, or
  /// `busy` is negative.
  IntervalSet done(int worker, ChunkId chunk, Clock::duration busy, const NotDone& not_done = {});
  /// How often a task has failed that is not done, and whether any has.
  std::uint32_t failures(std::uint64_t index) const { return retries_.failures(index); }
  bool any_failures() const { return retries_.knows_any(); }
  /// Which places get no more tasks, or get tasks again, since the last call.
  std::vector<Verdict> take_verdicts() { return places_.take_verdicts(); }
  /// The worker gives tasks back, as asked: the first `kept` tasks of the chunk stay, the others are pending
  /// again. With `kept` == 0 the chunk has ended. (The caller may do the same before it sends an Assign that
  /// is too large for a message.)
  ///
  /// A chunk that has ended already stays as it is, since the answer may cross the report. Throws
  /// std::invalid_argument if the chunk never existed or is another worker's, or if `kept` is more than it
  /// holds.
  void returned(int worker, ChunkId chunk, std::uint64_t kept);

  /// The next action to send, if any. Call it after every event until it returns nothing. `now` never goes
  /// back.
  std::optional<Action> next(Time now);
  /// After that: when to call it again, even if nothing happens until then; Time::max(): never.
  Time wake() const { return draining_ || !retries_fit_ ? Time::max() : retries_.due(); }

  /// Hands out nothing more from now on (a stop, a drain). finished() is true once nothing is in flight.
  void drain() { draining_ = true; }
  /// Whether nothing is in flight, and nothing is pending or to be added that will be handed out.
  bool finished() const {
    return in_flight_ == 0 && (draining_ || (!more_ && (nothing_fits_ || backlog_.empty()) &&
                                             (!retries_fit_ || retries_.empty())));
  }

  /// Numbers of tasks.
  std::uint64_t pending() const { return backlog_.size() + retries_.size(); }
  std::uint64_t in_flight() const { return in_flight_; }
  std::uint64_t done_count() const { return done_.size(); }
  IntervalSet pending_tasks() const;
  const IntervalSet& done_tasks() const { return done_; }

  /// Numbers of workers that have joined, of all slots, and of the slots without a chunk that may get one.
  /// Slots of workers that get nothing more do not count.
  std::size_t workers() const { return workers_.size(); }
  std::size_t slots() const { return slots_; }
  std::size_t idle_slots() const { return idle_slots_; }
  /// Slots that were still without a chunk when there was nothing more to send: they stay idle for a while.
  std::size_t resting_slots() const { return std::min(resting_slots_, slots_); }

  /// How long one slot would take for the pending tasks; nothing while nobody knows.
  std::optional<Clock::duration> pending_work() const;

 private:
  struct Chunk {
    int worker = 0;
    Ranges tasks;
    std::uint64_t size = 0;
    std::optional<Time> begun{};  // when it got a slot
    Time expected_end;
    bool in_by_end = false;
    bool asked = false;    // whether a take-back is under way
    bool started = false;  // whether all its tasks are, as the worker has answered
    bool adopted = false;  // the worker may have tasks in it that are not in `tasks`
  };
  using Chunks = std::unordered_map<ChunkId, Chunk>;
  struct Worker {
    std::size_t slots = 1;
    bool filed = false;             // whether it may get chunks
    std::vector<ChunkId> chunks{};  // in the order in which they begin: the first `slots` are under way
    bool retired = false;

    std::size_t idle() const { return slots - std::min(slots, chunks.size()); }
    double load() const { return static_cast<double>(chunks.size()) / static_cast<double>(slots); }
  };

  std::optional<Action> assign(Time now);
  std::optional<Action> assign_again(Time now);
  Action hand_to(int worker, Ranges tasks, Time now);
  bool takes_more(double load) const { return load < 1 || (load < 2 && prefetches()); }
  void put_back(const Ranges& tasks) { backlog_.insert(retries_.put_back(tasks)); }
  bool retries_fit(Time now) const;
  const std::optional<TimeFrame>& time_of(int id) const;
  Room room_until_end(const std::optional<TimeFrame>& time, Time now) const;
  Room room(int id, Time now) const;
  std::optional<Action> take_back(Time now);
  bool prefetches() const;
  std::uint64_t chunk_size() const;
  void learn(const Ranges& tasks, Clock::duration busy);

  bool was_known(ChunkId id) const;
  void end(Chunks::iterator chunk);
  void file(int id, Worker& worker);
  void unfile(int id, Worker& worker);
  void review_places();
  void note_begun(int id, Time now);
  void estimate_ends(int id, Time now);
  void drop_from_by_end(ChunkId id, Chunk& chunk);

  Backlog backlog_;
  Retries retries_;
  Places places_;
  IntervalSet done_;
  std::uint64_t in_flight_ = 0;
  bool draining_ = false;
  bool more_ = false;  // tasks will be added
  std::optional<TimeFrame> time_;
  std::unordered_map<int, std::optional<TimeFrame>> times_;  // of workers that have their own
  bool nothing_fits_ = false;  // no task of the backlog fits into the time that a worker has left
  bool retries_fit_ = true;    // some task that is to be tried again may fit

  Chunks chunks_;
  ChunkId first_id_;
  ChunkId next_id_ = first_id_;
  std::unordered_set<ChunkId> adopted_;
  std::unordered_map<int, Worker> workers_;
  std::set<std::pair<double, int>> by_load_;   // workers that may get chunks, by chunks per slot
  std::size_t slots_ = 0;                      // of all workers
  std::size_t idle_slots_ = 0;                 // slots without a chunk that may get one
  std::size_t resting_slots_ = 0;              // idle slots when next() last returned nothing
  std::set<std::pair<Time, ChunkId>> by_end_;  // chunks that may hold unstarted tasks
  std::vector<int> changed_;                   // workers whose chunks have changed since the last `next`
  std::set<int> to_estimate_;                  // workers whose chunks' ends must be estimated anew
  std::size_t asked_ = 0;                      // take-backs under way
  bool taking_back_ = false;                   // tasks were taken back, since nothing was pending

  Pace pace_;
  std::uint64_t samples_ = 0;  // finished chunks
  double log_duration_ = 0;    // log of a task's seconds, a moving average over chunks
};

}  // namespace tasker::schedule
