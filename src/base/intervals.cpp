#include "base/intervals.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>

namespace tasker::base {

std::uint64_t count(const Ranges& ranges) {
  std::uint64_t sum = 0;
  for (const Range& range : ranges) sum += range.size();
  return sum;
}

Ranges split_after(Ranges& ranges, std::uint64_t kept) {
  auto it = ranges.begin();
  while (it != ranges.end() && it->size() <= kept) {
    kept -= it->size();
    ++it;
  }
  Ranges behind(it, ranges.end());
  ranges.erase(it, ranges.end());
  if (kept > 0 && !behind.empty()) {
    ranges.push_back({behind.front().first, behind.front().first + kept});
    behind.front().first += kept;
  }
  return behind;
}

namespace {
void check(const Range& range) {
  if (range.first > range.last) {
    throw std::invalid_argument("a range of tasks ends before it begins: " + std::to_string(range.first) +
                                " to " + std::to_string(range.last));
  }
}
}  // namespace

void IntervalSet::insert(Range range) {
  check(range);
  if (range.size() == 0) return;

  auto next = last_of_.upper_bound(range.first);
  if (next != last_of_.begin() && std::prev(next)->second >= range.first) --next;
  while (next != last_of_.end() && next->first <= range.last) {
    range.first = std::min(range.first, next->first);
    range.last = std::max(range.last, next->second);
    size_ -= next->second - next->first;
    next = last_of_.erase(next);
  }
  last_of_.emplace_hint(next, range.first, range.last);
  size_ += range.size();
}

void IntervalSet::insert(const Ranges& ranges) {
  for (const Range& range : ranges) insert(range);
}

void IntervalSet::erase(Range range) {
  check(range);
  auto next = last_of_.upper_bound(range.first);
  if (next != last_of_.begin() && std::prev(next)->second > range.first) --next;
  while (range.size() > 0 && next != last_of_.end() && next->first < range.last) {
    const Range whole{next->first, next->second};
    next = last_of_.erase(next);
    size_ -= whole.size();
    insert({whole.first, std::max(whole.first, range.first)});
    insert({std::min(whole.last, range.last), whole.last});
  }
}

Ranges IntervalSet::take(std::uint64_t n) {
  Ranges taken;
  while (n > 0 && !empty()) {
    const auto [first, last] = *last_of_.begin();
    taken.push_back({first, first + std::min(n, last - first)});
    erase(taken.back());
    n -= taken.back().size();
  }
  return taken;
}

IntervalSet IntervalSet::among(const Ranges& ranges) const {
  IntervalSet found;
  for (const Range& range : ranges) {
    auto next = last_of_.upper_bound(range.first);
    if (next != last_of_.begin()) --next;
    for (; next != last_of_.end() && next->first < range.last; ++next)
      if (next->second > range.first)
        found.insert({std::max(next->first, range.first), std::min(next->second, range.last)});
  }
  return found;
}

bool IntervalSet::contains(std::uint64_t index) const {
  const auto behind = last_of_.upper_bound(index);
  return behind != last_of_.begin() && std::prev(behind)->second > index;
}

Ranges IntervalSet::ranges() const {
  Ranges all;
  all.reserve(last_of_.size());
  for (const auto& [first, last] : last_of_) all.push_back({first, last});
  return all;
}

}  // namespace tasker::base
