#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace tasker::schedule {

/// How long tasks last, as far as is known: how often which duration was seen, on a logarithmic scale with
/// eight steps to a factor of two, in memory that does not grow. Where durations were expected beforehand,
/// these are the unit, otherwise seconds.
class Pace {
 public:
  /// So many tasks lasted `duration` each.
  void add(double duration, std::uint64_t tasks);

  /// The mean of all; nothing before the first.
  std::optional<double> mean() const;
  /// How many.
  std::uint64_t count() const { return total_; }
  /// What to count with where a task must not last longer: a tenth more than all but one in twenty have
  /// lasted, rounded up to the scale's next step.
  std::optional<double> cautious() const;

 private:
  static constexpr std::size_t steps = 456;  // from a nanosecond to four years
  std::array<std::uint64_t, steps> tasks_{};
  std::uint64_t total_ = 0;
  double sum_ = 0;
};

}  // namespace tasker::schedule
