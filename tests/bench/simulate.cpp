// Prints how far from the best possible makespan the scheduler ends, in simulated clusters.
#include "support/simulation.hpp"

#include <cstdio>

namespace {

void print(int workers, double mean, std::uint64_t tasks_per_worker) {
  const tasker::test::Cluster cluster{.workers = workers};
  const std::uint64_t tasks = tasks_per_worker * static_cast<std::uint64_t>(workers);
  for (const auto& workload : tasker::test::workloads(tasks, tasker::test::Seconds(mean))) {
    const auto outcome = simulate(cluster, workload);
    std::printf("%7d %9.4g %10llu  %-12s %10.4f %10.4f %8.2f %8.2f %9llu %9llu%s\n", workers, mean * 1e3,
                static_cast<unsigned long long>(tasks), workload.name.c_str(), outcome.bound,
                outcome.makespan, 100 * outcome.loss(), 100 * outcome.longest / outcome.bound,
                static_cast<unsigned long long>(outcome.chunks),
                static_cast<unsigned long long>(outcome.take_backs),
                outcome.done == tasks ? "" : "  NOT ALL DONE");
    std::fflush(stdout);
  }
}

}  // namespace

int main() {
  std::printf(
      "bound: max(longest task, total / workers); longest: a part of it that may be lost when it comes "
      "last\n");
  std::printf("%7s %9s %10s  %-12s %10s %10s %8s %8s %9s %9s\n", "workers", "mean ms", "tasks", "durations",
              "bound s", "makespan s", "over %", "longest %", "chunks", "take-backs");
  for (const int workers : {2, 7, 64, 512}) {
    print(workers, 100e-6, 50000);
    print(workers, 1e-3, 10000);
    print(workers, 10e-3, 2000);
    print(workers, 1, 500);
  }
  print(100000, 10, 100);
}
