#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// How Slurm's commands write times.
namespace tasker::cluster {

/// "45", "1:00", "2:03:04", "1-02:03:04" or "1-02"; nothing for anything else.
std::optional<std::chrono::seconds> parse_slurm_duration(std::string_view text);

/// What squeue says of a job.
struct SlurmTimes {
  std::optional<std::chrono::seconds> left;   ///< Nothing: no end. Zero: the end has passed.
  std::optional<std::chrono::seconds> limit;  ///< Of the whole job; nothing: no limit.
};

/// Parses the output of `squeue -h -j JOB -o %L|%l`; nothing for any other text, such as an error.
std::optional<SlurmTimes> parse_squeue(const std::string& text);

}  // namespace tasker::cluster
