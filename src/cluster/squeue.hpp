#pragma once

#include "base/clock.hpp"
#include "base/descriptor.hpp"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace tasker::cluster {

/// A copy of the environment that squeue needs, made before `fn` can change it.
struct Surroundings {
  Surroundings();
  std::vector<std::string> variables;  ///< Without the user's SQUEUE_*, which may hide the job.
  std::string squeue = "squeue";       ///< Its path.
};

/// Asks Slurm's controller for a job's time, by a process in the background: an answer may take long, or
/// never come.
class Squeue {
 public:
  explicit Squeue(const std::string& job, const Surroundings& surroundings = {});
  /// Ends the process if it still runs.
  ~Squeue();

  /// The output of squeue, complete, or why it could not be started. Waits until `deadline` for the end of
  /// the output, not at all if that has passed; nothing if it has not ended by then.
  std::optional<std::string> answer(base::Time deadline);

 private:
  pid_t process_ = -1;
  base::Descriptor pipe_;
  std::string text_;
};

}  // namespace tasker::cluster
