#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tasker {

/// How a result came about. Tiny tasks are recorded together: times and memory are then those of all of them.
struct Info {
  std::uint32_t attempts = 0;  ///< 1 if the first try succeeded.
  /// By the clock of the host. It is for people: nothing depends on it.
  std::chrono::system_clock::time_point start;
  std::chrono::nanoseconds duration{0};  ///< Wall time.
  std::chrono::nanoseconds cpu_time{0};  ///< Of the thread that ran the task.
  std::uint64_t memory_high_water = 0;   ///< Of the process, in bytes, when the task ended.
  std::uint64_t together = 1;            ///< Number of tasks that these figures are for.
  std::string host;
  int rank = 0;
};

/// What a task and the programs that it started wrote to stdout and stderr, up to 64 KiB of each. Of a longer
/// text only the first and the last 32 KiB are kept, with a line between them that says how much is left out.
struct Output {
  std::string out;
  std::string err;
};

}  // namespace tasker
