#include "execute/failures.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace tasker::execute {

namespace {
/// Many more than are told: one that is left out has its count forgotten.
constexpr std::size_t groups_kept = 256;
}  // namespace

void Failures::add(std::uint64_t first, std::uint64_t count, const std::string& cause,
                   const std::string& lines) {
  const auto same = std::ranges::find(groups_, cause, [](const Group& group) { return std::get<2>(group); });
  Group group(first, count, cause, lines);
  if (same != groups_.end()) {
    if (std::get<0>(*same) <= first) {
      std::get<1>(*same) += count;
      return;
    }
    std::get<1>(group) += std::get<1>(*same);
    groups_.erase(same);
  }
  groups_.insert(std::ranges::upper_bound(groups_, group), std::move(group));
  if (groups_.size() > groups_kept) groups_.pop_back();
}

void Failures::add(const std::vector<Group>& groups) {
  for (const auto& [first, count, cause, lines] : groups) add(first, count, cause, lines);
}

std::vector<Failures::Group> Failures::largest(std::size_t most) const {
  std::vector<Group> groups = groups_;
  std::ranges::stable_sort(groups, std::greater(), [](const Group& group) { return std::get<1>(group); });
  groups.resize(std::min(groups.size(), most));
  std::ranges::sort(groups);
  return groups;
}

}  // namespace tasker::execute
