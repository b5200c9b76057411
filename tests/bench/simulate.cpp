// Prints how far from the best possible makespan the scheduler ends, in simulated clusters.
#include "support/simulation.hpp"

#include <cstdio>
#include <utility>

namespace {

void print(int workers, std::uint32_t slots, double mean, std::uint64_t tasks_per_slot) {
  const tasker::test::Cluster cluster{.workers = workers, .slots = slots};
  const std::uint64_t tasks = tasks_per_slot * slots * static_cast<std::uint64_t>(workers);
  for (const auto& workload : tasker::test::workloads(tasks, tasker::test::Seconds(mean))) {
    const auto outcome = simulate(cluster, workload);
    std::printf("%7d %5u %9.4g %10llu  %-12s %10.4f %10.4f %8.2f %8.2f %9llu %9llu%s\n", workers, slots,
                mean * 1e3, static_cast<unsigned long long>(tasks), workload.name.c_str(), outcome.bound,
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
      "bound: max(longest task, total / slots); longest: a part of it that may be lost when it comes "
      "last\n");
  std::printf("%7s %5s %9s %10s  %-12s %10s %10s %8s %8s %9s %9s\n", "workers", "slots", "mean ms", "tasks",
              "durations", "bound s", "makespan s", "over %", "longest %", "chunks", "take-backs");
  for (const auto& [workers, slots] : {std::pair(2, 1u), {7, 1u}, {64, 1u}, {4, 16u}, {512, 1u}, {4, 128u}}) {
    print(workers, slots, 100e-6, 50000);
    print(workers, slots, 1e-3, 10000);
    print(workers, slots, 10e-3, 2000);
    print(workers, slots, 1, 500);
  }
  print(100000, 1, 10, 100);
}
