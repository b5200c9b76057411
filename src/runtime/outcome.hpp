#pragma once

#include "cluster/cpus.hpp"
#include "execute/failures.hpp"
#include "talk/messages.hpp"

#include <tasker/error.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace tasker::runtime {

/// What was computed, for the end of the map.
struct Outcome {
  std::uint64_t computed = 0;  ///< Failed ones included.
  std::uint64_t failed = 0;
  execute::Failures failures;
  std::chrono::duration<double> busy{0};                 ///< Of all workers, in chunks.
  std::uint32_t least_cpus = cluster::available_cpus();  ///< That any rank may use.

  void add(std::uint64_t tasks, std::uint64_t failed_tasks,
           const std::vector<talk::FailureGroup>& failures_of_them, std::chrono::duration<double> chunk_busy);
};

/// The exception that tells of them, in a map of `count` tasks on the path `name`.
TasksFailed tasks_failed(const Outcome& outcome, const std::string& name, std::uint64_t count,
                         std::uint64_t reused);

}  // namespace tasker::runtime
