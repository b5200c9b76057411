#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tasker::tool {

/// What `tasker submit` was asked for.
struct BatchJob {
  std::string tool;                  ///< The path of this command.
  std::vector<std::string> program;  ///< The program and its arguments.
  std::string time;                  ///< The limit, as sbatch takes it; empty: the partition's.
  std::string array;                 ///< How many jobs, "20%5", or sbatch's indices; empty: one job.
  std::vector<std::string> flags;    ///< Other flags for sbatch, such as "--nodes=2".
  unsigned requeues = 10;            ///< How often the job comes back without progress; 0: never.
  std::vector<std::pair<std::string, std::string>> variables;  ///< TASKER_*, to be set in the job.
};

/// The text of its batch script.
std::string batch_script(const BatchJob& job);
/// The name of the job and its files: the program's, without the path.
std::string name_of(const BatchJob& job);

/// How many seconds before its end a job with this limit is told to finish what runs: a tenth of it, at most
/// two minutes. Nothing below ten minutes, since Slurm is no more exact than that, and without a limit.
/// Throws UsageError for what is no limit to sbatch.
std::optional<long> drain_seconds(const std::string& time);

}  // namespace tasker::tool
