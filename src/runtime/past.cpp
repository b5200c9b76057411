#include "runtime/past.hpp"

#include <algorithm>

namespace tasker::runtime {

namespace {

/// So many tell which duration only one in twenty exceeds.
constexpr std::uint64_t enough = 20;

double seconds(const store::Catalog& catalog, const store::Entry& entry) {
  const store::FrameInfo info = catalog.frame(entry);
  return static_cast<double>(info.duration) * 1e-9 / std::max(info.records, 1U);
}

}  // namespace

schedule::Pace past_pace(const store::Catalog& catalog,
                         const std::function<double(std::uint64_t index)>& expected) {
  schedule::Pace pace;
  if (catalog.empty()) return pace;
  const auto add = [&](std::uint64_t index, const store::Entry& entry) {
    if (!entry.done() || (expected && index >= catalog.tasks())) return;
    const double unit = expected ? expected(index) : 1;
    if (unit > 0) pace.add(seconds(catalog, entry) / unit, 1);
  };
  for (std::uint64_t index = 0; index < catalog.tasks(); ++index) add(index, catalog.slot(index));
  if (pace.count() < enough)
    for (const store::Stray& stray : catalog.strays()) add(stray.index, stray.entry);
  return pace;
}

void each_attempt(const store::Catalog& catalog,
                  const std::function<void(std::uint64_t index, double seconds)>& visit) {
  if (catalog.empty()) return;
  for (const store::Stray& stray : catalog.strays())
    if (stray.index < catalog.tasks()) visit(stray.index, seconds(catalog, stray.entry));
  for (std::uint64_t index = 0; index < catalog.tasks(); ++index)
    if (const store::Entry& entry = catalog.slot(index); entry.outcome != store::Outcome::none)
      visit(index, seconds(catalog, entry));
}

std::vector<std::pair<std::uint64_t, std::chrono::nanoseconds>> interrupted(
    const store::Catalog& catalog, const base::IntervalSet& missing) {
  std::vector<std::pair<std::uint64_t, std::chrono::nanoseconds>> tasks;
  if (catalog.empty()) return tasks;
  for (const base::Range& range : missing.ranges())
    for (std::uint64_t index = range.first; index < range.last; ++index)
      if (const store::Entry& entry = catalog.slot(index); entry.outcome == store::Outcome::interrupted)
        tasks.emplace_back(index, std::chrono::nanoseconds(catalog.frame(entry).duration));
  return tasks;
}

}  // namespace tasker::runtime
