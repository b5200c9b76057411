#pragma once

#include "base/clock.hpp"
#include "base/intervals.hpp"
#include "schedule/places.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace tasker::schedule {

using base::Clock;
using base::IntervalSet;
using base::Ranges;
using base::Time;

/// Tasks that are not for every worker, or not now: they have failed and are tried again after a pause and
/// elsewhere first, or they are held back. Remembers where a task has failed until it is done, and so takes
/// memory for such tasks only.
class Retries {
 public:
  /// Before a task that has failed is tried again; twice as long after each further failure.
  void set_pause(Clock::duration pause) { pause_ = pause; }

  /// An attempt at this pending task has failed so.
  void failed(std::uint64_t index, const Failure& failure);
  /// This pending task is handed out after `pause`, to whoever may try it.
  void hold(std::uint64_t index, Clock::duration pause);
  /// These tasks are pending again. Keeps those that have failed, and returns the others.
  Ranges put_back(const Ranges& tasks);
  /// Those of these tasks that are pending here are handed out.
  void take(const Ranges& tasks);
  /// These tasks are recorded.
  void erase(const Ranges& tasks);

  /// How often a task has failed that is not done.
  std::uint32_t failures(std::uint64_t index) const;
  bool knows_any() const { return !tasks_.empty(); }
  /// Calls `visit` with the failures of each of these tasks that has any.
  void each(const Ranges& tasks,
            const std::function<void(const std::vector<Failure>& failures)>& visit) const;

  /// Pauses count from the first call after they were begun.
  void look(Time now);
  /// When the next pause ends; Time::max() if none is known.
  Time due() const { return waiting_.empty() ? Time::max() : waiting_.begin()->first; }
  /// Lets `some` take tasks out of sets that this worker may try, until it has taken one; returns what it
  /// took.
  Ranges take(int worker, const Places& places, const std::function<Ranges(IntervalSet&)>& some);

  /// The tasks that are pending here.
  std::uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  IntervalSet tasks() const;
  /// Whether this holds for any of them and the time when its pause ends.
  bool any(const std::function<bool(std::uint64_t index, Time due)>& holds, Time now) const;

 private:
  struct Task {
    std::vector<Failure> failures{};
    Clock::duration pause{0};  // until it may be handed out
    Time due = Time::max();    // the end of the pause if it is among waiting_
  };
  using Tasks = std::map<std::uint64_t, Task>;

  static std::vector<int> places_of(const Task& task);
  void keep(std::uint64_t index, Task& task, Clock::duration pause);
  void drop(std::uint64_t index, Task& task);

  Clock::duration pause_{0};
  Tasks tasks_;                    // that have failed or are held back, and are not done
  std::set<std::uint64_t> begun_;  // their pauses begin at the next look
  std::set<std::pair<Time, std::uint64_t>> waiting_;
  std::map<std::vector<int>, IntervalSet> ready_;  // by the workers at which they have failed
  std::uint64_t size_ = 0;                         // of the last three together
};

}  // namespace tasker::schedule
