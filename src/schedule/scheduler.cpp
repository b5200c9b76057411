#include "schedule/scheduler.hpp"

#include <cmath>
#include <functional>
#include <queue>
#include <stdexcept>
#include <string>

namespace tasker::schedule {
namespace {

// Seconds that a hand-out costs all who take part. Chunks of less work cost more than they could even out.
constexpr double hand_out = 0.15e-3;
// Seconds of work in a chunk, of which a hand-out is 0.4 %.
constexpr double cheap_chunk = 40e-3;
// Seconds that rank 0 spends on a hand-out and its report. Chunks of `slots` times this keep rank 0 just
// busy; smaller ones would end faster than it can hand out others.
constexpr double serving = 10e-6;
constexpr double largest_chunk = 65536;
// How many times as many tasks as have been finished so far a chunk may have: the first ones may be no
// sample.
constexpr double growth = 4;
// In seconds. A worker waits less than a millisecond for its next chunk: nothing beside longer tasks.
constexpr double short_task = 100e-3;
// The weight of the latest chunk in the moving average, once there are enough chunks.
constexpr double latest_weight = 1.0 / 8;
// In seconds. Nothing is expected to last longer, so that adding it to a time can't overflow.
constexpr double longest_expected = 1e8;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

Clock::duration duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(std::min(seconds, longest_expected)));
}

[[noreturn]] void refuse(int worker, const std::string& what) {
  throw std::invalid_argument("worker " + std::to_string(worker) + " " + what);
}

}  // namespace

Scheduler::Scheduler(const IntervalSet& pending, Plan plan, const Pace& pace, bool more, ChunkId first_chunk)
    : backlog_(pending, std::move(plan)), more_(more), first_id_(first_chunk), pace_(pace) {}

void Scheduler::add(const Ranges& tasks, bool more) {
  backlog_.insert(tasks);
  more_ = more;
  taking_back_ = nothing_fits_ = false;
}

void Scheduler::join(int worker, std::uint32_t slots, const std::string& host) {
  if (slots == 0) refuse(worker, "has no slots");
  const auto [joined, is_new] = workers_.try_emplace(worker, Worker{slots});
  if (!is_new) refuse(worker, "joins a second time");
  slots_ += slots;
  places_.join(worker, host);
  file(worker, joined->second);
}

std::vector<LeftBehind> Scheduler::leave(int worker) {
  std::vector<LeftBehind> chunks;
  const auto gone = workers_.find(worker);
  if (gone == workers_.end()) {
    places_.leave(worker);
    return chunks;
  }
  while (!gone->second.chunks.empty()) {
    const auto chunk = chunks_.find(gone->second.chunks.front());
    put_back(chunk->second.tasks);
    chunks.push_back({std::move(chunk->second.tasks), chunk->second.begun});
    end(chunk);
  }
  retire(worker);
  workers_.erase(gone);
  to_estimate_.erase(worker);
  times_.erase(worker);
  taking_back_ = nothing_fits_ = false;
  return chunks;
}

void Scheduler::adopt(int worker, ChunkId id, const Ranges& tasks) {
  const auto found = workers_.find(worker);
  if (found == workers_.end() || was_known(id))
    refuse(worker, "has chunk " + std::to_string(id) + " in hand, which can't be");
  Chunk chunk;
  chunk.worker = worker;
  chunk.started = chunk.adopted = true;
  chunk.tasks = pending_tasks().among(tasks).ranges();
  chunk.size = count(chunk.tasks);
  for (const base::Range& range : chunk.tasks) backlog_.erase(range);
  retries_.take(chunk.tasks);
  in_flight_ += chunk.size;
  unfile(worker, found->second);
  found->second.chunks.push_back(id);
  file(worker, found->second);
  changed_.push_back(worker);
  adopted_.insert(id);
  chunks_.emplace(id, std::move(chunk));
}

/// Whether this scheduler has given the chunk to a worker, or a worker has brought it along.
bool Scheduler::was_known(ChunkId id) const {
  return (first_id_ <= id && id < next_id_) || adopted_.contains(id);
}

void Scheduler::retire(int worker) {
  const auto found = workers_.find(worker);
  if (found == workers_.end() || found->second.retired) return;
  unfile(worker, found->second);
  slots_ -= found->second.slots;
  found->second.retired = true;
  places_.leave(worker);  // nothing that has failed elsewhere waits for it
  review_places();
}

bool Scheduler::is_empty_handed(int worker) const {
  const auto found = workers_.find(worker);
  return found == workers_.end() || found->second.chunks.empty();
}

void Scheduler::found(const Ranges& recorded) {
  for (const base::Range& range : recorded) backlog_.erase(range);
  retries_.erase(recorded);
  done_.insert(recorded);
}

void Scheduler::hold(std::uint64_t index, Clock::duration pause) {
  backlog_.erase({index, index + 1});
  retries_.hold(index, pause);
}

IntervalSet Scheduler::done(int worker, ChunkId id, Clock::duration busy, const NotDone& not_done) {
  const auto found = chunks_.find(id);
  if (found == chunks_.end() || found->second.worker != worker)
    refuse(worker, "reports chunk " + std::to_string(id) + ", which it doesn't have");
  if (busy < Clock::duration::zero()) refuse(worker, "was busy for less than no time");
  Ranges executed = found->second.tasks;
  Ranges recorded = executed;
  IntervalSet pending;
  if (!not_done.left.empty() || !not_done.failed.empty()) {
    IntervalSet rest;  // of the chunk
    rest.insert(executed);
    const auto take_out = [&rest](const Ranges& tasks) {
      IntervalSet out = rest;
      for (const base::Range& range : tasks) rest.erase(range);
      for (const base::Range& range : rest.ranges()) out.erase(range);
      return out;
    };
    const IntervalSet failed = take_out(not_done.failed);
    if (failed.size() != count(not_done.failed) && !found->second.adopted)
      refuse(worker, "has failed at a task that it had not");
    const IntervalSet left = take_out(not_done.left);
    recorded = rest.ranges();
    rest.insert(failed.ranges());
    executed = rest.ranges();
    pending = left;
    pending.insert(failed.ranges());
    put_back(left.ranges());
    for (const base::Range& range : failed.ranges())
      for (std::uint64_t index = range.first; index < range.last; ++index)
        retries_.failed(index, places_.failed(worker));
    nothing_fits_ = false;
  }
  if (!executed.empty()) learn(executed, busy);
  if (not_done.given_up == 0)
    retries_.each(recorded, [&](const auto& failures) { places_.refute(failures, worker); });
  if (count(recorded) > not_done.given_up) places_.succeeded(worker);
  retries_.erase(recorded);
  done_.insert(recorded);
  end(found);
  review_places();
  return pending;
}

void Scheduler::returned(int worker, ChunkId id, std::uint64_t kept) {
  const auto found = chunks_.find(id);
  if (found == chunks_.end() && was_known(id)) return;
  if (found == chunks_.end() || found->second.worker != worker)
    refuse(worker, "returns tasks of chunk " + std::to_string(id) + ", which it never had");
  Chunk& chunk = found->second;
  if (chunk.adopted) return;  // all its tasks were started
  if (kept > chunk.size)
    refuse(worker, "keeps " + std::to_string(kept) + " of the " + std::to_string(chunk.size) +
                       " tasks of chunk " + std::to_string(id));
  if (std::exchange(chunk.asked, false)) {
    --asked_;
    chunk.started = kept == chunk.size;
  }

  put_back(split_after(chunk.tasks, kept));
  in_flight_ -= chunk.size - kept;
  chunk.size = kept;
  if (kept == 0)
    end(found);
  else
    changed_.push_back(worker);
}

std::optional<Action> Scheduler::next(Time now) {
  for (const int worker : std::exchange(changed_, {})) note_begun(worker, now);
  std::optional<Action> action;
  if (!draining_) action = assign(now);
  if (!draining_ && !more_ && !action && (backlog_.empty() || nothing_fits_)) action = take_back(now);
  if (!action) {
    resting_slots_ = idle_slots_;
    retries_fit_ = in_flight_ > 0 || retries_fit(now);
  }
  return action;
}

/// Hands out to the worker with the fewest chunks for whom something fits.
std::optional<Action> Scheduler::assign(Time now) {
  if (!retries_.empty())
    if (auto again = assign_again(now)) return again;
  bool is_any_asked = false;
  bool is_common_time_asked = false;
  for (const auto& [load, id] : by_load_) {
    if (backlog_.empty() || !takes_more(load)) break;
    if (!times_.contains(id) && std::exchange(is_common_time_asked, true)) continue;
    is_any_asked = true;
    Ranges tasks = backlog_.take(chunk_size(), room(id, now));
    nothing_fits_ = tasks.empty();
    if (!nothing_fits_) return hand_to(id, std::move(tasks), now);
    if (times_.empty()) break;
  }
  nothing_fits_ = nothing_fits_ || is_any_asked;
  return std::nullopt;
}

/// Hands out tasks that have failed, to the first worker that may try them.
std::optional<Action> Scheduler::assign_again(Time now) {
  retries_.look(now);
  for (const auto& [load, worker] : by_load_) {
    if (!takes_more(load)) break;
    Ranges tasks = retries_.take(worker, places_, [&, id = worker](IntervalSet& some) {
      return backlog_.take_from(some, chunk_size(), room(id, now));
    });
    if (!tasks.empty()) return hand_to(worker, std::move(tasks), now);
  }
  return std::nullopt;
}

Action Scheduler::hand_to(int id, Ranges tasks, Time now) {
  Worker& worker = workers_.at(id);
  Chunk chunk;
  chunk.worker = id;
  chunk.tasks = std::move(tasks);
  chunk.size = count(chunk.tasks);
  in_flight_ += chunk.size;
  const ChunkId chunk_id = next_id_++;
  Assign action{id, chunk_id, chunk.tasks, backlog_.is_suspect(chunk.tasks.front().first)};
  chunks_.emplace(chunk_id, std::move(chunk));
  unfile(id, worker);
  worker.chunks.push_back(chunk_id);
  file(id, worker);
  note_begun(id, now);
  return action;
}

/// Whether any task that is to be tried again may be handed out, now or at the end of its pause.
bool Scheduler::retries_fit(Time now) const {
  bool is_common_time_asked = false;
  for (const auto& [load, id] : by_load_) {
    if (!times_.contains(id) && std::exchange(is_common_time_asked, true)) continue;
    const std::optional<TimeFrame>& time = time_of(id);
    const auto fits = [&](std::uint64_t index, Time due) {
      return backlog_.fits(index, room_until_end(time, due));
    };
    if (!time || retries_.any(fits, now)) return true;
  }
  return by_load_.empty();
}

/// The time available to a chunk handed to this worker now: it may be queued behind current chunks.
Room Scheduler::room(int id, Time now) const {
  Room room = room_until_end(time_of(id), now);
  const Worker& worker = workers_.at(id);
  if (worker.idle() > 0) return room;
  double before = 0;
  for (const ChunkId chunk : worker.chunks) before += backlog_.expected(chunks_.at(chunk).tasks);
  room.seconds -= before * room.unit.value_or(0) / static_cast<double>(worker.slots);
  return room;
}

const std::optional<TimeFrame>& Scheduler::time_of(int id) const {
  const auto own = times_.find(id);
  return own == times_.end() ? time_ : own->second;
}

Room Scheduler::room_until_end(const std::optional<TimeFrame>& time, Time now) const {
  Room room;
  if (!time) return room;
  room.unit = pace_.cautious();
  if (!room.unit && backlog_.expects()) room.unit = 1;
  room.seconds = seconds(time->end - now);
  room.whole = seconds(time->whole);
  return room;
}

std::optional<Action> Scheduler::take_back(Time now) {
  // One take-back for each idle slot: more would only take work from workers that could go on.
  if (idle_slots_ <= asked_) return std::nullopt;
  for (const int worker : std::exchange(to_estimate_, {})) estimate_ends(worker, now);
  while (!by_end_.empty() && by_end_.begin()->first <= now)
    estimate_ends(chunks_.at(by_end_.begin()->second).worker, now);
  if (by_end_.empty()) return std::nullopt;

  const ChunkId id = by_end_.rbegin()->second;
  Chunk& chunk = chunks_.at(id);
  drop_from_by_end(id, chunk);
  chunk.asked = true;
  ++asked_;
  taking_back_ = true;
  return TakeBack{chunk.worker, id};
}

/// Whether busy workers get chunks in advance. The last tasks, and tasks taken back, rather wait here for the
/// first free worker: from another worker's queue they might have to be taken back (again).
bool Scheduler::prefetches() const {
  return !taking_back_ && samples_ > 0 && std::exp(log_duration_) < short_task && backlog_.size() >= slots_;
}

std::uint64_t Scheduler::chunk_size() const {
  if (samples_ == 0) return 1;
  const double task = std::exp(log_duration_);
  const double slots = static_cast<double>(slots_);
  const double least = std::max(serving * slots, hand_out) / task;
  const double most = std::max(cheap_chunk / task, 2 * least);
  const double share = static_cast<double>(backlog_.size()) / (4 * slots);
  const double proven = std::min(growth * static_cast<double>(done_.size()), largest_chunk);
  return static_cast<std::uint64_t>(
      std::llround(std::clamp(std::clamp(share, least, most), 1.0, std::max(1.0, proven))));
}

/// The mean of logarithms follows a change by orders of magnitude, up or down, within a few chunks; a single
/// task that lasts a million times as long as the others moves it by a factor of six only.
void Scheduler::learn(const Ranges& tasks, Clock::duration busy) {
  const double expected = backlog_.expected(tasks);
  const std::uint64_t size = count(tasks);
  if (expected > 0) pace_.add(seconds(busy) / expected, size);
  const double task = std::max(seconds(busy) / static_cast<double>(size), 1e-9);
  ++samples_;
  const double weight = std::max(latest_weight, 1.0 / static_cast<double>(samples_));
  log_duration_ += weight * (std::log(task) - log_duration_);
}

std::optional<Clock::duration> Scheduler::pending_work() const {
  auto unit = pace_.mean();
  if (!unit && backlog_.expects()) unit = 1;
  if (!unit) return std::nullopt;
  return duration(*unit * backlog_.expected(pending_tasks().ranges()));
}

IntervalSet Scheduler::pending_tasks() const {
  IntervalSet all = backlog_.tasks();
  if (!retries_.empty()) all.insert(retries_.tasks().ranges());
  return all;
}

/// Forgets a chunk of a worker that is still here. The chunk's tasks are pending or done already.
void Scheduler::end(Chunks::iterator it) {
  auto& [id, chunk] = *it;
  drop_from_by_end(id, chunk);
  if (chunk.asked) --asked_;
  in_flight_ -= chunk.size;
  Worker& worker = workers_.at(chunk.worker);
  unfile(chunk.worker, worker);
  std::erase(worker.chunks, id);
  file(chunk.worker, worker);
  changed_.push_back(chunk.worker);
  chunks_.erase(it);
}

/// Files a worker under its load, unless it may get no chunks. `unfile` takes it out, before its number of
/// chunks changes.
void Scheduler::file(int id, Worker& worker) {
  if (worker.retired || !places_.is_active(id)) return;
  worker.filed = true;
  by_load_.emplace(worker.load(), id);
  idle_slots_ += worker.idle();
}

void Scheduler::unfile(int id, Worker& worker) {
  if (!std::exchange(worker.filed, false)) return;
  by_load_.erase({worker.load(), id});
  idle_slots_ -= worker.idle();
}

void Scheduler::review_places() {
  if (!places_.review()) return;
  for (auto& [id, worker] : workers_) {
    unfile(id, worker);
    file(id, worker);
  }
}

/// Notes which chunks of a worker have got a slot by now; all before one that has begun had one earlier.
void Scheduler::note_begun(int id, Time now) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return;
  const Worker& worker = found->second;
  for (std::size_t busy = worker.slots - worker.idle(); busy > 0; --busy) {
    Chunk& chunk = chunks_.at(worker.chunks[busy - 1]);
    if (chunk.begun) break;
    chunk.begun = now;
  }
  to_estimate_.insert(id);
}

/// Estimates anew when a worker's chunks end, and puts those that may hold unstarted tasks into by_end_.
void Scheduler::estimate_ends(int id, Time now) {
  const double task = std::exp(log_duration_);
  // When each slot will have done the chunks seen so far; the first slot to be free is on top.
  std::priority_queue<Time, std::vector<Time>, std::greater<>> ends;
  for (const ChunkId chunk_id : workers_.at(id).chunks) {
    Chunk& chunk = chunks_.at(chunk_id);
    drop_from_by_end(chunk_id, chunk);
    const Clock::duration lasts = duration(task * static_cast<double>(chunk.size));
    if (chunk.begun) {
      chunk.expected_end = *chunk.begun + lasts;
      if (chunk.expected_end <= now)
        chunk.expected_end = now + std::max(now - *chunk.begun, duration(cheap_chunk));
    } else {
      chunk.expected_end = ends.top() + lasts;
      ends.pop();
    }
    ends.push(chunk.expected_end);
    chunk.in_by_end = !chunk.asked && !chunk.started && !(chunk.begun && chunk.size == 1);
    if (chunk.in_by_end) by_end_.emplace(chunk.expected_end, chunk_id);
  }
}

void Scheduler::drop_from_by_end(ChunkId id, Chunk& chunk) {
  if (chunk.in_by_end) by_end_.erase({chunk.expected_end, id});
  chunk.in_by_end = false;
}

}  // namespace tasker::schedule
