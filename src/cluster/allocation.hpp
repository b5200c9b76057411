#pragma once

#include "base/clock.hpp"
#include "cluster/squeue.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace tasker::cluster {

/// Until when this program may run, by the monotonic clock.
struct TimeLimit {
  base::Time end;
  std::chrono::nanoseconds whole{};  ///< How long an allocation like this one lasts.

  bool operator==(const TimeLimit&) const = default;
};

/// How long Slurm lets this program run, which may change meanwhile. For rank 0.
class Allocation {
 public:
  struct Timing {
    std::chrono::milliseconds patience{5000};  ///< How long rank 0 waits for the first answer.
    std::chrono::milliseconds timeout{30000};  ///< How long later answers may take.
    std::chrono::milliseconds pause{300000};   ///< Between questions: the controller serves a whole site.
  };
  Allocation() : Allocation(Timing()) {}
  explicit Allocation(Timing timing) : timing_(timing) {}

  /// Takes the limit from the environment, or asks squeue. The first call waits for the answer, but not long.
  /// Later calls ask again now and then, in the background. Returns whether the limit has changed.
  bool look(base::Time now);

  /// Nothing if there is no limit, or none is known.
  const std::optional<TimeLimit>& limit() const { return limit_; }
  /// Why the limit is not known, although there may be one; else empty.
  const std::string& trouble() const { return trouble_; }

 private:
  base::Time next_question(base::Time now) const;
  bool learn(const std::string& answer, base::Time asked);

  Timing timing_;
  bool looked_ = false;
  std::string job_;
  std::optional<Surroundings> surroundings_;
  std::unique_ptr<Squeue> question_;
  base::Time asked_;
  base::Time due_;
  std::optional<TimeLimit> limit_;
  std::string trouble_;
};

/// The limit that a newer Slurm tells in SLURM_JOB_START_TIME and SLURM_JOB_END_TIME, both in seconds since
/// 1970. The wall clock shows `wall` while the monotonic clock shows `now`. Nothing if they are missing or
/// make no sense.
std::optional<TimeLimit> limit_of_environment(const char* start, const char* end, std::chrono::seconds wall,
                                              base::Time now);

}  // namespace tasker::cluster
