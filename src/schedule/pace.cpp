#include "schedule/pace.hpp"

#include <algorithm>
#include <cmath>

namespace tasker::schedule {

namespace {
constexpr double shortest = 1e-9;
constexpr double steps_per_octave = 8;
// Of `cautious`.
constexpr double cautious_share = 0.95;
constexpr double margin = 1.1;
}  // namespace

void Pace::add(double duration, std::uint64_t tasks) {
  const double step = std::log2(std::max(duration, shortest) / shortest) * steps_per_octave;
  tasks_[static_cast<std::size_t>(std::min(step, static_cast<double>(steps - 1)))] += tasks;
  total_ += tasks;
  sum_ += duration * static_cast<double>(tasks);
}

std::optional<double> Pace::mean() const {
  if (total_ == 0) return std::nullopt;
  return sum_ / static_cast<double>(total_);
}

std::optional<double> Pace::cautious() const {
  if (total_ == 0) return std::nullopt;
  const double wanted = cautious_share * static_cast<double>(total_);
  std::size_t step = 0;
  for (std::uint64_t seen = 0; step < steps; ++step) {
    seen += tasks_[step];
    if (static_cast<double>(seen) >= wanted) break;
  }
  return margin * shortest * std::exp2(static_cast<double>(step + 1) / steps_per_octave);
}

}  // namespace tasker::schedule
