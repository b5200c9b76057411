#include "schedule/retries.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace tasker::schedule {

namespace {

/// A longer pause is none that anybody waits for, and might overflow.
constexpr std::chrono::hours longest_pause{24 * 365};

Clock::duration doubled(Clock::duration pause, std::size_t times) {
  for (; times > 0 && pause < longest_pause; --times) pause *= 2;
  return std::min<Clock::duration>(pause, longest_pause);
}

}  // namespace

void Retries::failed(std::uint64_t index, const Failure& failure) {
  Task& task = tasks_[index];
  drop(index, task);
  task.failures.push_back(failure);
  keep(index, task, doubled(pause_, task.failures.size() - 1));
}

void Retries::hold(std::uint64_t index, Clock::duration pause) {
  Task& task = tasks_[index];
  drop(index, task);
  keep(index, task, pause);
}

Ranges Retries::put_back(const Ranges& tasks) {
  if (tasks_.empty()) return tasks;
  IntervalSet others;
  for (const base::Range& range : tasks) {
    others.insert(range);
    for (auto task = tasks_.lower_bound(range.first); task != tasks_.end() && task->first < range.last;
         ++task) {
      others.erase({task->first, task->first + 1});
      keep(task->first, task->second, Clock::duration(0));
    }
  }
  return others.ranges();
}

void Retries::erase(const Ranges& tasks) {
  if (tasks_.empty()) return;
  for (const base::Range& range : tasks)
    for (auto task = tasks_.lower_bound(range.first); task != tasks_.end() && task->first < range.last;) {
      drop(task->first, task->second);
      task = tasks_.erase(task);
    }
}

std::uint32_t Retries::failures(std::uint64_t index) const {
  const auto found = tasks_.find(index);
  return found == tasks_.end() ? 0 : static_cast<std::uint32_t>(found->second.failures.size());
}

void Retries::each(const Ranges& tasks,
                   const std::function<void(const std::vector<Failure>& failures)>& visit) const {
  if (tasks_.empty()) return;
  for (const base::Range& range : tasks)
    for (auto task = tasks_.lower_bound(range.first); task != tasks_.end() && task->first < range.last;
         ++task)
      if (!task->second.failures.empty()) visit(task->second.failures);
}

void Retries::look(Time now) {
  for (const std::uint64_t index : begun_) {
    Task& task = tasks_.at(index);
    task.due = now + task.pause;
    waiting_.emplace(task.due, index);
  }
  begun_.clear();
  while (due() <= now) {
    const std::uint64_t index = waiting_.begin()->second;
    Task& task = tasks_.at(index);
    drop(index, task);
    keep(index, task, Clock::duration(0));
  }
}

Ranges Retries::take(int worker, const Places& places, const std::function<Ranges(IntervalSet&)>& some) {
  for (auto group = ready_.begin(); group != ready_.end(); ++group) {
    if (!places.may_try(worker, group->first)) continue;
    Ranges tasks = some(group->second);
    if (tasks.empty()) continue;
    size_ -= base::count(tasks);
    if (group->second.empty()) ready_.erase(group);
    return tasks;
  }
  return {};
}

void Retries::take(const Ranges& tasks) {
  for (const base::Range& range : tasks)
    for (auto task = tasks_.lower_bound(range.first); task != tasks_.end() && task->first < range.last;
         ++task)
      drop(task->first, task->second);
}

IntervalSet Retries::tasks() const {
  IntervalSet all;
  for (const std::uint64_t index : begun_) all.insert({index, index + 1});
  for (const auto& [due, index] : waiting_) all.insert({index, index + 1});
  for (const auto& [places, tasks] : ready_) all.insert(tasks.ranges());
  return all;
}

bool Retries::any(const std::function<bool(std::uint64_t index, Time due)>& holds, Time now) const {
  for (const base::Range& range : tasks().ranges())
    for (std::uint64_t index = range.first; index < range.last; ++index) {
      const Time due = tasks_.at(index).due;
      if (holds(index, due == Time::max() ? now : due)) return true;
    }
  return false;
}

std::vector<int> Retries::places_of(const Task& task) {
  std::vector<int> places;
  places.reserve(task.failures.size());
  for (const Failure& failure : task.failures) places.push_back(failure.worker);
  std::ranges::sort(places);
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

/// Makes a task pending here. It is not yet.
void Retries::keep(std::uint64_t index, Task& task, Clock::duration pause) {
  task.pause = pause;
  if (pause > Clock::duration(0))
    begun_.insert(index);
  else
    ready_[places_of(task)].insert({index, index + 1});
  ++size_;
}

/// The task is not pending here any more, if it was.
void Retries::drop(std::uint64_t index, Task& task) {
  if (begun_.erase(index) + waiting_.erase({task.due, index}) == 0) {
    const auto group = ready_.find(places_of(task));
    if (group == ready_.end() || !group->second.contains(index)) return;
    group->second.erase({index, index + 1});
    if (group->second.empty()) ready_.erase(group);
  }
  task.due = Time::max();
  --size_;
}

}  // namespace tasker::schedule
