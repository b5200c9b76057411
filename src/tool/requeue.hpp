#pragma once

#include <string>
#include <string_view>

namespace tasker::tool {

/// Brings the Slurm job that this process is part of back into the queue when its run was stopped early.
class Requeue {
 public:
  /// `job`, as Slurm's commands take it, comes back at most `most` times without progress. From now on rank 0
  /// writes the job's history into a file in the working directory. Throws UsageError if that is no job.
  Requeue(unsigned most, const std::string& job);

  /// To be called when the run has ended with this exit code.
  void after(int exit_code) const;

 private:
  bool has_reason(int exit_code) const;
  void come_back(bool held) const;

  unsigned most_;
  std::string job_;
  std::string history_;
};

/// How often a job has come back without progress, by its history (cluster/history.hpp). Progress is a map
/// with fewer tasks left than ever before, or a new map. A run that found the directory held does not count.
unsigned stalled(std::string_view history);

/// Whether `job`, as `scontrol show job` describes it, is being killed by its time limit.
bool is_at_limit(std::string_view job);

/// Whether `job`, as `scontrol show job` describes it, has ended by itself or by its time limit, so that it
/// was neither cancelled nor already requeued by somebody else.
bool may_come_back(std::string_view job);

}  // namespace tasker::tool
