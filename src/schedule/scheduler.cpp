#include "schedule/scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <stdexcept>
#include <string>
#include <utility>

namespace tasker::schedule {
namespace {

// A hand-out costs a worker about 0.1 ms, which is 1 % of this.
constexpr double kCheapChunk = 10e-3;
// What a hand-out and its report cost rank 0. Chunks of `slots` times this keep it just busy; smaller ones
// would end faster than it can hand out others.
constexpr double kServe = 10e-6;
constexpr double kMaxChunk = 65536;
// A worker waits a fraction of a millisecond for its next chunk, which is nothing beside tasks that last
// longer.
constexpr double kShortTask = 100e-3;
// The weight of the latest chunk in the expected duration, once there are enough of them.
constexpr double kLatest = 1.0 / 8;
// No expectation goes beyond this, so that adding it to a time can't overflow.
constexpr double kLongest = 1e8;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

Clock::duration duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(std::min(seconds, kLongest)));
}

}  // namespace

Scheduler::Scheduler(const IntervalSet& pending, Plan plan, const Pace& pace, bool more)
    : backlog_(pending, std::move(plan)), more_(more), pace_(pace) {}

void Scheduler::add(const Ranges& tasks, bool more) {
  backlog_.insert(tasks);
  more_ = more;
  dry_ = nothing_fits_ = false;
}

void Scheduler::join(int worker, std::uint32_t slots) {
  if (slots == 0) throw std::invalid_argument("worker " + std::to_string(worker) + " has no slots");
  const auto [joined, is_new] = workers_.try_emplace(worker, Worker{slots});
  if (!is_new) throw std::invalid_argument("worker " + std::to_string(worker) + " joins a second time");
  slots_ += slots;
  file(worker, joined->second);
}

std::vector<LeftBehind> Scheduler::leave(int worker) {
  std::vector<LeftBehind> chunks;
  const auto gone = workers_.find(worker);
  if (gone == workers_.end()) return chunks;
  while (!gone->second.chunks.empty()) {
    const auto chunk = chunks_.find(gone->second.chunks.front());
    backlog_.insert(chunk->second.tasks);
    chunks.push_back({std::move(chunk->second.tasks), chunk->second.begun});
    end(chunk);
  }
  unfile(worker, gone->second);
  slots_ -= gone->second.slots;
  workers_.erase(gone);
  unranked_.erase(worker);
  dry_ = nothing_fits_ = false;
  return chunks;
}

void Scheduler::found(const Ranges& recorded) {
  for (const base::Range& range : recorded) backlog_.erase(range);
  done_.insert(recorded);
}

void Scheduler::done(int worker, ChunkId id, Clock::duration busy) {
  const auto found = chunks_.find(id);
  if (found == chunks_.end() || found->second.worker != worker) {
    throw std::invalid_argument("worker " + std::to_string(worker) + " reports chunk " + std::to_string(id) +
                                ", which it doesn't have");
  }
  if (busy < Clock::duration::zero()) {
    throw std::invalid_argument("worker " + std::to_string(worker) + " was busy for less than no time");
  }
  learn(found->second, busy);
  done_.insert(found->second.tasks);
  end(found);
}

void Scheduler::returned(int worker, ChunkId id, std::uint64_t kept) {
  const auto found = chunks_.find(id);
  if (found == chunks_.end() && id > 0 && id < next_id_) return;
  if (found == chunks_.end() || found->second.worker != worker) {
    throw std::invalid_argument("worker " + std::to_string(worker) + " returns tasks of chunk " +
                                std::to_string(id) + ", which it never had");
  }
  Chunk& chunk = found->second;
  if (kept > chunk.size) {
    throw std::invalid_argument("worker " + std::to_string(worker) + " keeps " + std::to_string(kept) +
                                " of the " + std::to_string(chunk.size) + " tasks of chunk " +
                                std::to_string(id));
  }
  if (std::exchange(chunk.asked, false)) {
    --asked_;
    chunk.started = kept == chunk.size;
  }

  backlog_.insert(split_after(chunk.tasks, kept));
  in_flight_ -= chunk.size - kept;
  chunk.size = kept;
  if (kept == 0) {
    end(found);
  } else {
    changed_.push_back(worker);
  }
}

std::optional<Action> Scheduler::next(Time now) {
  for (const int worker : std::exchange(changed_, {})) begin(worker, now);
  std::optional<Action> action;
  if (!draining_) action = assign(now);
  if (!draining_ && !more_ && !action && (backlog_.empty() || nothing_fits_)) action = take_back(now);
  if (!action) resting_slots_ = idle_slots_;
  return action;
}

std::optional<Action> Scheduler::assign(Time now) {
  if (by_load_.empty() || backlog_.empty()) return std::nullopt;
  const auto [load, hungriest] = *by_load_.begin();
  if (load >= 1 && (load >= 2 || !prefetches())) return std::nullopt;

  Worker& worker = workers_.at(hungriest);
  Chunk chunk;
  chunk.worker = hungriest;
  chunk.tasks = backlog_.take(chunk_size(), room(worker, now));
  nothing_fits_ = chunk.tasks.empty();
  if (nothing_fits_) return std::nullopt;
  chunk.size = count(chunk.tasks);
  in_flight_ += chunk.size;
  const ChunkId id = next_id_++;
  Assign action{hungriest, id, chunk.tasks};
  chunks_.emplace(id, std::move(chunk));
  unfile(hungriest, worker);
  worker.chunks.push_back(id);
  file(hungriest, worker);
  begin(hungriest, now);
  return action;
}

/// What a chunk has that this worker begins when it has done those that it has.
Room Scheduler::room(const Worker& worker, Time now) const {
  Room room;
  if (!time_) return room;
  room.unit = pace_.cautious();
  if (!room.unit && backlog_.expects()) room.unit = 1;
  double before = 0;
  if (worker.idle() == 0) {
    for (const ChunkId id : worker.chunks) before += backlog_.expected(chunks_.at(id).tasks);
    before *= room.unit.value_or(0) / static_cast<double>(worker.slots);
  }
  room.seconds = seconds(time_->end - now) - before;
  room.whole = seconds(time_->whole);
  return room;
}

std::optional<Action> Scheduler::take_back(Time now) {
  // One for each idle slot: more would only take from those who could have gone on.
  if (idle_slots_ <= asked_) return std::nullopt;
  for (const int worker : std::exchange(unranked_, {})) rank(worker, now);
  while (!by_end_.empty() && by_end_.begin()->first <= now)
    rank(chunks_.at(by_end_.begin()->second).worker, now);
  if (by_end_.empty()) return std::nullopt;

  const ChunkId id = by_end_.rbegin()->second;
  Chunk& chunk = chunks_.at(id);
  unrank(id, chunk);
  chunk.asked = true;
  ++asked_;
  dry_ = true;
  return TakeBack{chunk.worker, id};
}

/// The last tasks and those taken back wait here for whoever is free first: behind another chunk they might
/// only be taken back (again).
bool Scheduler::prefetches() const {
  return !dry_ && samples_ > 0 && std::exp(log_duration_) < kShortTask && backlog_.size() >= slots_;
}

std::uint64_t Scheduler::chunk_size() const {
  if (samples_ == 0) return 1;
  const double task = std::exp(log_duration_);
  const double slots = static_cast<double>(slots_);
  const double least = kServe * slots / task;
  const double most = std::max(kCheapChunk / task, 2 * least);
  const double share = static_cast<double>(backlog_.size()) / (4 * slots);
  const double proven = std::min(static_cast<double>(done_.size()), kMaxChunk);
  return static_cast<std::uint64_t>(
      std::llround(std::clamp(std::clamp(share, least, most), 1.0, std::max(1.0, proven))));
}

/// The mean of logarithms follows a change by orders of magnitude, up or down, within a few chunks, and a
/// task a million times as long as the others moves it by a factor of six.
void Scheduler::learn(const Chunk& chunk, Clock::duration busy) {
  const double expected = backlog_.expected(chunk.tasks);
  if (expected > 0) pace_.add(seconds(busy) / expected, chunk.size);
  const double task = std::max(seconds(busy) / static_cast<double>(chunk.size), 1e-9);
  ++samples_;
  const double weight = std::max(kLatest, 1.0 / static_cast<double>(samples_));
  log_duration_ += weight * (std::log(task) - log_duration_);
}

std::optional<Clock::duration> Scheduler::pending_work() const {
  auto unit = pace_.mean();
  if (!unit && backlog_.expects()) unit = 1;
  if (!unit) return std::nullopt;
  return duration(*unit * backlog_.expected(backlog_.tasks().ranges()));
}

/// Forgets a chunk of a worker that is still here; its tasks are pending or done by now.
void Scheduler::end(Chunks::iterator it) {
  auto& [id, chunk] = *it;
  unrank(id, chunk);
  if (chunk.asked) --asked_;
  in_flight_ -= chunk.size;
  Worker& worker = workers_.at(chunk.worker);
  unfile(chunk.worker, worker);
  std::erase(worker.chunks, id);
  file(chunk.worker, worker);
  changed_.push_back(chunk.worker);
  chunks_.erase(it);
}

/// Puts a worker where its number of chunks belongs; `unfile`, before that changes, takes it away.
void Scheduler::file(int id, const Worker& worker) {
  by_load_.emplace(worker.load(), id);
  idle_slots_ += worker.idle();
}

void Scheduler::unfile(int id, const Worker& worker) {
  by_load_.erase({worker.load(), id});
  idle_slots_ -= worker.idle();
}

/// Notes which of a worker's chunks have got a slot by now: those before them did so earlier.
void Scheduler::begin(int id, Time now) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return;
  const Worker& worker = found->second;
  for (std::size_t busy = worker.slots - worker.idle(); busy > 0; --busy) {
    Chunk& chunk = chunks_.at(worker.chunks[busy - 1]);
    if (chunk.begun) break;
    chunk.begun = now;
  }
  unranked_.insert(id);
}

/// Expects anew when a worker's chunks end, and ranks those that may hold unstarted tasks.
void Scheduler::rank(int id, Time now) {
  const double task = std::exp(log_duration_);
  // When each slot will have done the chunks that we have seen, the first one free on top.
  std::priority_queue<Time, std::vector<Time>, std::greater<>> ends;
  for (const ChunkId chunk_id : workers_.at(id).chunks) {
    Chunk& chunk = chunks_.at(chunk_id);
    unrank(chunk_id, chunk);
    const Clock::duration lasts = duration(task * static_cast<double>(chunk.size));
    if (chunk.begun) {
      chunk.expected_end = *chunk.begun + lasts;
      if (chunk.expected_end <= now) {
        chunk.expected_end = now + std::max(now - *chunk.begun, duration(kCheapChunk));
      }
    } else {
      chunk.expected_end = ends.top() + lasts;
      ends.pop();
    }
    ends.push(chunk.expected_end);
    chunk.ranked = !chunk.asked && !chunk.started && !(chunk.begun && chunk.size == 1);
    if (chunk.ranked) by_end_.emplace(chunk.expected_end, chunk_id);
  }
}

void Scheduler::unrank(ChunkId id, Chunk& chunk) {
  if (chunk.ranked) by_end_.erase({chunk.expected_end, id});
  chunk.ranked = false;
}

}  // namespace tasker::schedule
