#pragma once

#include "base/intervals.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <utility>

namespace tasker::schedule {

using base::IntervalSet;
using base::Ranges;

/// The share of an allocation's time that counts as all of it: with so much left the allocation has hardly
/// begun, and a task that was given so much was given all there is.
inline constexpr double nearly_all = 0.9;

/// How much time a chunk has that is handed out next. Without a limit: infinitely much.
struct Room {
  double seconds = std::numeric_limits<double>::infinity();  ///< Until all tasks must have ended.
  double whole = std::numeric_limits<double>::infinity();    ///< The same when an allocation begins.
  /// A cautious estimate of how long a task lasts or, with expected durations, of the factor by which tasks
  /// last longer than expected; nothing while nobody knows.
  std::optional<double> unit = {};

  /// Whether the allocation has hardly begun: a task that does not fit now will never fit.
  bool is_fresh() const { return seconds >= nearly_all * whole; }
  /// The longest expected duration (see Backlog::expected) of a task that still fits.
  double longest() const;
};

/// What is known of a map's tasks before they are handed out.
struct Plan {
  /// The expected seconds of each task; empty if nobody knows. It costs rank 0 some 100 bytes per task.
  std::function<double(std::uint64_t index)> expected = {};
  /// Whether tasks that are expected to last longer come first; otherwise tasks come in their order.
  bool longest_first = false;
  /// Tasks that have saved a state from which they go on. They come first, and always fit.
  IntervalSet resumed = {};
  /// Tasks that were under way when the time was up. They come first, but only at the begin of an allocation.
  IntervalSet interrupted = {};
};

/// The tasks of a map that are not handed out yet, and which of them comes next.
class Backlog {
 public:
  explicit Backlog(const IntervalSet& tasks, Plan plan = {});

  std::uint64_t size() const { return resumed_.size() + interrupted_.size() + others_.size(); }
  bool empty() const { return size() == 0; }
  IntervalSet tasks() const;
  /// The expected duration of a task; 1 if nobody knows.
  double expected(std::uint64_t index) const { return plan_.expected ? plan_.expected(index) : 1; }
  /// The sum of the expected durations of `tasks`.
  double expected(const Ranges& tasks) const;
  bool expects() const { return bool{plan_.expected}; }

  void insert(const Ranges& tasks);
  void erase(const base::Range& tasks);
  /// Takes the tasks of the next chunk out, at most `most` of them; none if nothing fits.
  Ranges take(std::uint64_t most, const Room& room);
  /// The same from `tasks`, which are not among its own.
  Ranges take_from(IntervalSet& tasks, std::uint64_t most, const Room& room) const;
  /// Whether a task may be handed out that has so much time.
  bool fits(std::uint64_t index, const Room& room) const;
  /// From now on each of these tasks comes in a chunk of its own.
  void suspect(const Ranges& tasks) { suspects_.insert(tasks); }
  bool is_suspect(std::uint64_t index) const { return suspects_.contains(index); }

 private:
  using ByLength = std::set<std::pair<double, std::uint64_t>>;

  Ranges take_in_order(IntervalSet& from, std::uint64_t most, const Room& room) const;
  Ranges take_by_length(std::uint64_t most, const Room& room);
  ByLength::const_iterator next_by_length(double longest, bool is_first, const Room& room) const;

  Plan plan_;
  IntervalSet resumed_;
  IntervalSet interrupted_;
  IntervalSet others_;
  ByLength by_length_;  // the tasks in others_ by expected duration, if that is known
  IntervalSet suspects_;
};

}  // namespace tasker::schedule
