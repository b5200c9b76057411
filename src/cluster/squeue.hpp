#pragma once

#include "base/descriptor.hpp"

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tasker::cluster {

/// What a question needs of the environment, as it is now: `fn` may change it later.
struct Surroundings {
  Surroundings();
  std::vector<std::string> variables;  ///< Without what the user has set for squeue: it may hide the job.
  std::string squeue = "squeue";       ///< Where it is.
};

/// A question to Slurm's controller about a job's time, which may take long, or for ever, to be answered:
/// a process in the background.
class Squeue {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Squeue(const std::string& job, const Surroundings& surroundings = {});
  /// Ends it, should it still be under way.
  ~Squeue();
  Squeue(const Squeue&) = delete;
  Squeue& operator=(const Squeue&) = delete;

  /// What it wrote, once it has said all; waits for that until `deadline`, not at all if that has passed. Why
  /// it could not be asked, if so.
  std::optional<std::string> answer(Clock::time_point deadline);

 private:
  pid_t process_ = -1;
  base::Descriptor pipe_;
  std::string text_;
};

}  // namespace tasker::cluster
