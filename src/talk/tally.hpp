#pragma once

#include "base/packed.hpp"

#include <tasker/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tasker::talk {

/// What has become of the tasks of a chunk, or of a map.
struct Tally {
  std::uint64_t tasks = 0;  ///< Those executed and recorded, failed ones included.
  std::uint64_t failed = 0;
  /// One entry for all tasks that failed by the same cause, ordered by the first of these tasks. Of very many
  /// causes only the first ones in this order are kept.
  std::vector<TaskFailure> failures = {};
  std::chrono::nanoseconds busy{0};  ///< How long they were executed, in all.

  void add(const Tally& other);
  /// Counts tasks that failed by one cause.
  void add_failure(const TaskFailure& failure);
  /// The causes of the most tasks, `most` of them, in the order of `failures`.
  std::vector<TaskFailure> largest(std::size_t most) const;

 private:
  void insert(TaskFailure failure);
};

}  // namespace tasker::talk
