#include "talk/tally.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace tasker::talk {

namespace {
/// Many more than are shown, since a cause that is dropped loses its count.
constexpr std::size_t causes_kept = 256;
}  // namespace

void Tally::add(const Tally& other) {
  tasks += other.tasks;
  failed += other.failed;
  busy += other.busy;
  for (const TaskFailure& failure : other.failures) insert(failure);
}

void Tally::add_failure(const TaskFailure& failure) {
  tasks += failure.count;
  failed += failure.count;
  insert(failure);
}

void Tally::insert(TaskFailure failure) {
  const auto same = std::ranges::find(failures, failure.message, &TaskFailure::message);
  if (same != failures.end()) {
    if (same->index <= failure.index) {
      same->count += failure.count;
      return;
    }
    failure.count += same->count;
    failures.erase(same);
  }
  failures.insert(std::ranges::upper_bound(failures, failure.index, {}, &TaskFailure::index),
                  std::move(failure));
  if (failures.size() > causes_kept) failures.pop_back();
}

std::vector<TaskFailure> Tally::largest(std::size_t most) const {
  std::vector<TaskFailure> causes = failures;
  std::ranges::stable_sort(causes, std::greater(), &TaskFailure::count);
  causes.resize(std::min(causes.size(), most));
  std::ranges::sort(causes, {}, &TaskFailure::index);
  return causes;
}

}  // namespace tasker::talk
