#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace tasker::schedule {

/// How long tasks have lasted: a histogram on a logarithmic scale, eight steps to a factor of two, in memory
/// that does not grow. The unit is the second or, if durations were expected beforehand, the expected
/// duration.
class Pace {
 public:
  /// Counts `tasks` tasks that lasted `duration` each.
  void add(double duration, std::uint64_t tasks);

  /// The mean duration; nothing before the first task.
  std::optional<double> mean() const;
  /// Number of tasks counted so far.
  std::uint64_t count() const { return total_; }
  /// A cautious estimate, for tasks that must end in time: a tenth more than 19 of 20 tasks have lasted,
  /// rounded up to the scale's next step.
  std::optional<double> cautious() const;

 private:
  static constexpr std::size_t steps = 456;  // from a nanosecond to four years
  std::array<std::uint64_t, steps> tasks_{};
  std::uint64_t total_ = 0;
  double sum_ = 0;
};

}  // namespace tasker::schedule
