#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tasker::test {

using Seconds = std::chrono::duration<double>;

/// What a simulated cluster costs. Rank 0 handles one message after another.
struct Cluster {
  int workers = 2;
  std::uint32_t slots = 1;                          // chunks that a worker executes at the same time
  Seconds one_way = std::chrono::microseconds(50);  // a message from one rank to another
  Seconds message = std::chrono::microseconds(5);   // rank 0, to send one or to handle one
  Seconds chunk = std::chrono::microseconds(50);    // a worker, to take up a chunk and report it
};

/// How long tasks take: the same every time for the same index.
struct Workload {
  std::string name;
  std::uint64_t tasks = 0;
  std::function<double(std::uint64_t)> seconds;  // of the task with this index
};

/// Constant, exponential, bimodal (one in a hundred takes a hundred times as long), increasing and
/// decreasing.
std::vector<Workload> workloads(std::uint64_t tasks, Seconds mean);

struct Outcome {
  double makespan = 0;  // seconds
  double total = 0;     // seconds, over all tasks
  double longest = 0;   // seconds, the longest task
  double bound = 0;     // seconds: no schedule ends before max(longest, total / slots)
  std::uint64_t done = 0;
  std::uint64_t chunks = 0;
  std::uint64_t take_backs = 0;

  /// How much longer than the bound it took: 0.01 is 1 %.
  double loss() const { return makespan / bound - 1; }
};

/// Runs the workload on the cluster with the real scheduler, in simulated time.
Outcome simulate(const Cluster& cluster, const Workload& workload);

}  // namespace tasker::test
