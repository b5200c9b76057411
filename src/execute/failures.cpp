#include "execute/failures.hpp"

#include <algorithm>

namespace tasker::execute {

namespace {
constexpr std::size_t groups_kept = 8;
}

void Failures::add(std::uint64_t first, std::uint64_t count, const std::string& cause,
                   const std::string& lines) {
  const auto same = std::ranges::find(groups_, cause, [](const Group& group) { return std::get<2>(group); });
  if (same == groups_.end()) {
    groups_.emplace_back(first, count, cause, lines);
  } else {
    if (first < std::get<0>(*same)) *same = {first, std::get<1>(*same), cause, lines};
    std::get<1>(*same) += count;
  }
  std::ranges::sort(groups_);
  if (groups_.size() > groups_kept) groups_.pop_back();
}

void Failures::add(const std::vector<Group>& groups) {
  for (const auto& [first, count, cause, lines] : groups) add(first, count, cause, lines);
}

}  // namespace tasker::execute
