#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace tasker::base {

/// Task indices from `first` up to, not including, `last`.
struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  std::uint64_t size() const { return last - first; }
  bool operator==(const Range&) const = default;
};

using Ranges = std::vector<Range>;

/// How many indices `ranges` hold together.
std::uint64_t count(const Ranges& ranges);

/// Leaves the first `kept` indices in `ranges` and returns the others.
Ranges split_after(Ranges& ranges, std::uint64_t kept);

/// A set of task indices, stored as disjoint ranges: its memory grows with its gaps, not with its size.
class IntervalSet {
 public:
  IntervalSet() = default;
  explicit IntervalSet(Range all) { insert(all); }

  /// Adds the indices of `range`; adjacent and overlapping ranges become one.
  /// Throws std::invalid_argument for a range that ends before it begins.
  void insert(Range range);
  void insert(const Ranges& ranges);
  /// Removes those indices of `range` that are in the set. Throws as `insert` does.
  void erase(Range range);
  /// Removes and returns the lowest `n` indices, or all if there are fewer.
  Ranges take(std::uint64_t n);

  bool contains(std::uint64_t index) const;
  /// Those of `ranges` that are in the set.
  IntervalSet among(const Ranges& ranges) const;
  std::uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// The lowest index. The set must not be empty.
  std::uint64_t first() const { return last_of_.begin()->first; }
  /// The disjoint ranges in ascending order.
  Ranges ranges() const;

  bool operator==(const IntervalSet&) const = default;

 private:
  std::map<std::uint64_t, std::uint64_t> last_of_;  // first -> last
  std::uint64_t size_ = 0;
};

}  // namespace tasker::base
