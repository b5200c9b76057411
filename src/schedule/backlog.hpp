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

/// Of an allocation: with so much of it left it has hardly begun, and who was given so much was given all.
constexpr double nearly_all = 0.9;

/// How much time there is for what is begun next. Without a limit: all there is.
struct Room {
  double seconds = std::numeric_limits<double>::infinity();  ///< Until all must have ended.
  double whole = std::numeric_limits<double>::infinity();    ///< The same at the begin of an allocation.
  /// How long a task lasts, or, where that was expected, how many times as long as expected, to be cautious;
  /// nothing while nobody knows.
  std::optional<double> unit = {};

  /// Whether it is the begin of an allocation: what won't fit now never will.
  bool is_fresh() const;
  /// How long one may be expected to last that is begun now.
  double longest() const;
};

/// What is known of a map's tasks before they are handed out.
struct Plan {
  /// Of each task, in seconds; empty where nobody knows. It costs rank 0 some 100 bytes per task.
  std::function<double(std::uint64_t index)> expected = {};
  /// Whether those that are expected to last longest come first; else they come in their order.
  bool longest_first = false;
  /// Those that left a state behind from which they go on: they come first, and always fit.
  IntervalSet resumed = {};
  /// Those that were under way when the time was up: they come first, but only at the begin of an allocation.
  IntervalSet interrupted = {};
};

/// The tasks of a map that are not handed out, and which of them comes next.
class Backlog {
 public:
  explicit Backlog(const IntervalSet& tasks, Plan plan = {});

  std::uint64_t size() const { return resumed_.size() + interrupted_.size() + others_.size(); }
  bool empty() const { return size() == 0; }
  IntervalSet tasks() const;
  /// What is expected of a task: 1 where nobody knows.
  double expected(std::uint64_t index) const { return plan_.expected ? plan_.expected(index) : 1; }
  /// The sum of that over `tasks`.
  double expected(const Ranges& tasks) const;
  bool expects() const { return bool{plan_.expected}; }

  void insert(const Ranges& tasks);
  void erase(const base::Range& tasks);
  /// Takes the tasks of the next chunk, `most` of them at most; none where nothing fits.
  Ranges take(std::uint64_t most, const Room& room);
  /// Each of these comes in a chunk of its own from now on.
  void suspect(const Ranges& tasks) { suspects_.insert(tasks); }

 private:
  using ByLength = std::set<std::pair<double, std::uint64_t>>;

  Ranges take_in_order(std::uint64_t most, const Room& room);
  Ranges take_by_length(std::uint64_t most, const Room& room);
  ByLength::const_iterator next_by_length(double longest, bool is_first, const Room& room) const;

  Plan plan_;
  IntervalSet resumed_;
  IntervalSet interrupted_;
  IntervalSet others_;
  ByLength by_length_;  // the others, where their lengths are known
  IntervalSet suspects_;
};

}  // namespace tasker::schedule
