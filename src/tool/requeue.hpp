#pragma once

#include <string>
#include <string_view>

namespace tasker::tool {

/// Brings the Slurm job that this process is part of back into the queue when its run was stopped early.
class Requeue {
 public:
  /// `most` times without progress. From now on rank 0 writes into a file in the working directory how
  /// many tasks are left. Throws UsageError outside a Slurm job.
  explicit Requeue(unsigned most);

  /// When the run has ended with this exit code.
  void after(int exit_code) const;

 private:
  bool has_reason(int exit_code) const;
  void come_back(bool held) const;

  unsigned most_;
  std::string job_;
  std::string history_;
};

/// What a job's history (cluster/history.hpp) amounts to: how often it has come back since fewer tasks of a
/// map were left than ever before, or a new map began. While another run is at work it counts for nothing.
unsigned stalled(std::string_view history);

/// Whether a job that `scontrol show job` describes so is being killed by its time limit.
bool is_at_limit(std::string_view job);

/// Whether a job that `scontrol show job` describes so has ended by itself, or by its time limit: neither
/// cancelled nor requeued already by somebody else.
bool may_come_back(std::string_view job);

}  // namespace tasker::tool
