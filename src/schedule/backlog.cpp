#include "schedule/backlog.hpp"

#include <algorithm>
#include <iterator>

namespace tasker::schedule {

double Room::longest() const {
  if (seconds <= 0) return -1;
  return unit ? seconds / *unit : std::numeric_limits<double>::infinity();
}

Backlog::Backlog(const IntervalSet& tasks, Plan plan) : plan_(std::move(plan)) { insert(tasks.ranges()); }

IntervalSet Backlog::tasks() const {
  IntervalSet all = others_;
  all.insert(resumed_.ranges());
  all.insert(interrupted_.ranges());
  return all;
}

double Backlog::expected(const Ranges& tasks) const {
  if (!plan_.expected) return static_cast<double>(base::count(tasks));
  double sum = 0;
  for (const base::Range& range : tasks)
    for (std::uint64_t index = range.first; index < range.last; ++index) sum += plan_.expected(index);
  return sum;
}

void Backlog::insert(const Ranges& tasks) {
  others_.insert(tasks);
  for (const auto& [marked, own] :
       {std::pair(&plan_.resumed, &resumed_), {&plan_.interrupted, &interrupted_}})
    for (const base::Range& range : marked->ranges())
      for (std::uint64_t index = range.first; index < range.last; ++index)
        if (others_.contains(index)) {
          others_.erase({index, index + 1});
          own->insert({index, index + 1});
        }
  if (!plan_.expected) return;
  for (const base::Range& range : tasks)
    for (std::uint64_t index = range.first; index < range.last; ++index)
      if (others_.contains(index)) by_length_.emplace(plan_.expected(index), index);
}

void Backlog::erase(const base::Range& tasks) {
  resumed_.erase(tasks);
  interrupted_.erase(tasks);
  others_.erase(tasks);
  if (plan_.expected)
    for (std::uint64_t index = tasks.first; index < tasks.last; ++index)
      by_length_.erase({plan_.expected(index), index});
}

Ranges Backlog::take(std::uint64_t most, const Room& room) {
  if (room.seconds <= 0) return {};
  if (!resumed_.empty()) return resumed_.take(1);
  if (!interrupted_.empty() && room.is_fresh()) return interrupted_.take(1);
  if (others_.empty()) return {};
  return plan_.expected ? take_by_length(most, room) : take_in_order(others_, most, room);
}

Ranges Backlog::take_from(IntervalSet& tasks, std::uint64_t most, const Room& room) const {
  if (room.seconds <= 0) return {};
  if (!plan_.expected) return take_in_order(tasks, most, room);
  for (const base::Range& range : tasks.ranges())
    for (std::uint64_t index = range.first; index < range.last; ++index)
      if (fits(index, room)) {
        tasks.erase({index, index + 1});
        return {{index, index + 1}};
      }
  return {};
}

bool Backlog::fits(std::uint64_t index, const Room& room) const {
  return room.seconds > 0 && (room.is_fresh() || expected(index) <= room.longest());
}

/// All tasks are expected to last alike: takes as many as fit, but stops at a suspect, which comes alone.
Ranges Backlog::take_in_order(IntervalSet& from, std::uint64_t most, const Room& room) const {
  const double fitting = room.longest();
  if (fitting < static_cast<double>(most)) most = static_cast<std::uint64_t>(fitting);
  if (most == 0) {
    if (!room.is_fresh()) return {};
    most = 1;  // the task will never have more time
  }
  Ranges tasks = from.take(most);
  if (suspects_.empty()) return tasks;
  const auto before_suspect = [&] {
    std::uint64_t before = 0;
    for (const base::Range& range : tasks)
      for (std::uint64_t index = range.first; index < range.last; ++index, ++before)
        if (suspects_.contains(index)) return before;
    return before;
  }();
  from.insert(split_after(tasks, std::max<std::uint64_t>(before_suspect, 1)));
  return tasks;
}

Ranges Backlog::take_by_length(std::uint64_t most, const Room& room) {
  IntervalSet tasks;
  double left = room.longest();
  while (tasks.size() < most && !by_length_.empty()) {
    const auto next = next_by_length(left, tasks.empty(), room);
    if (next == by_length_.end()) break;
    const auto [length, index] = *next;
    const bool is_suspect = suspects_.contains(index);
    if (is_suspect && !tasks.empty()) break;
    tasks.insert({index, index + 1});
    others_.erase({index, index + 1});
    by_length_.erase(next);
    left -= length;
    if (is_suspect) break;
  }
  return tasks.ranges();
}

/// The task that comes next among those that are expected to last no longer than `longest`. A task that would
/// fit into no allocation comes when only such tasks are left.
Backlog::ByLength::const_iterator Backlog::next_by_length(double longest, bool is_first,
                                                          const Room& room) const {
  const auto last = std::prev(by_length_.end());
  if (last->first <= longest) {
    if (plan_.longest_first) return last;
    const std::uint64_t first = others_.first();
    return by_length_.find({plan_.expected(first), first});
  }
  const auto behind = by_length_.upper_bound({longest, std::numeric_limits<std::uint64_t>::max()});
  if (behind != by_length_.begin()) return std::prev(behind);
  return is_first && room.is_fresh() ? by_length_.begin() : by_length_.end();
}

}  // namespace tasker::schedule
