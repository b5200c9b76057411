#pragma once

#include "cluster/squeue.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace tasker::cluster {

/// Until when this program may run, by the monotonic clock.
struct TimeLimit {
  std::chrono::steady_clock::time_point end;
  std::chrono::nanoseconds whole{};  ///< How long an allocation like this one lasts.

  bool operator==(const TimeLimit&) const = default;
};

/// What the scheduler gives this program, which may change while it runs. For rank 0.
class Allocation {
 public:
  using Clock = std::chrono::steady_clock;

  struct Timing {
    std::chrono::milliseconds patience{5000};  ///< With the first answer; rank 0 waits for it.
    std::chrono::milliseconds timeout{30000};  ///< With all others.
    std::chrono::milliseconds pause{300000};   ///< Between questions: the controller serves a whole site.
  };
  Allocation() : Allocation(Timing()) {}
  explicit Allocation(Timing timing) : timing_(timing) {}

  /// Learns what there is to learn: from the environment, or from squeue. The first time it waits for the
  /// answer, but not long; it asks again now and then, in the background. Returns whether the limit has
  /// changed.
  bool look(Clock::time_point now);

  /// Nothing where there is no limit, or none is known.
  const std::optional<TimeLimit>& limit() const { return limit_; }
  /// Why it is not known, although there may be one; else empty.
  const std::string& trouble() const { return trouble_; }

 private:
  Clock::time_point next_question(Clock::time_point now) const;
  bool learn(const std::string& answer, Clock::time_point asked);
  bool change(const std::optional<TimeLimit>& limit);

  Timing timing_;
  bool looked_ = false;
  std::string job_;
  std::optional<Surroundings> surroundings_;
  std::unique_ptr<Squeue> question_;
  Clock::time_point asked_;
  Clock::time_point due_;
  std::optional<TimeLimit> limit_;
  std::string trouble_;
};

/// What the environment of a newer Slurm says: SLURM_JOB_START_TIME and SLURM_JOB_END_TIME, in seconds since
/// 1970, by a clock that shows `wall` while the other one shows `now`. Nothing where they are missing or make
/// no sense.
std::optional<TimeLimit> limit_of_environment(const char* start, const char* end, std::chrono::seconds wall,
                                              Allocation::Clock::time_point now);

}  // namespace tasker::cluster
