// How fast a map is, from its call to the archive; see README.md.
//
//     mpirun -n 3 throughput_bench FILE no-op TASKS        tasks that do nothing, double -> double
//     mpirun -n 3 throughput_bench FILE SHAPE MEAN TASKS   tasks that need MEAN µs of CPU time on average
//     throughput_bench bare SHAPE MEAN TASKS WORKERS       the same tasks without the library
//
// SHAPE is constant, exponential, bimodal, increasing or decreasing. "bare" takes one task after the other
// from a counter in shared memory: what this machine can do at best, now.
#include "support/simulation.hpp"

#include <tasker/tasker.hpp>

#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <new>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// CPU time, not wall time: a task that lost its core to another process has not computed meanwhile.
void compute(double seconds) {
  const auto cpu_time = [] {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  };
  const double end = cpu_time() + seconds;
  while (cpu_time() < end) {
  }
}

tasker::test::Workload workload(const std::string& shape, double mean, std::uint64_t tasks) {
  for (auto& known : tasker::test::workloads(tasks, tasker::test::Seconds(mean)))
    if (known.name == shape) return std::move(known);
  throw tasker::UsageError("unknown shape " + shape);
}

/// No schedule ends before.
double bound(const tasker::test::Workload& work, int workers) {
  double total = 0;
  double longest = 0;
  for (std::uint64_t i = 0; i < work.tasks; ++i) {
    total += work.seconds(i);
    longest = std::max(longest, work.seconds(i));
  }
  return std::max(longest, total / workers);
}

void print(double seconds, std::uint64_t tasks, double least) {
  std::printf("seconds=%.6f rate=%.6g efficiency=%.5f\n", seconds, static_cast<double>(tasks) / seconds,
              least / seconds);
}

/// Returns the seconds that `workers` processes need for all tasks.
double run_bare(const tasker::test::Workload& work, int workers) {
  void* const shared = ::mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) throw tasker::SystemError("cannot map shared memory");
  auto* const next = new (shared) std::atomic<std::uint64_t>(0);
  const auto begin = Clock::now();
  for (int i = 0; i < workers; ++i) {
    const pid_t child = ::fork();
    if (child < 0) throw tasker::SystemError("cannot fork");
    if (child > 0) continue;
    for (std::uint64_t task = (*next)++; task < work.tasks; task = (*next)++) compute(work.seconds(task));
    ::_exit(0);
  }
  while (::wait(nullptr) > 0) {
  }
  return seconds_since(begin);
}

/// Calls `map(args, options)` and returns the seconds it took on rank 0.
template <class Map>
double time_map(tasker::Tasker& tasker, const std::filesystem::path& file, Map map) {
  if (tasker.is_root()) {
    std::filesystem::remove(file);
    std::filesystem::remove_all(file.string() + ".mpi");
  }
  const auto begin = Clock::now();
  const auto results = map(tasker::Options{.progress = tasker::Progress::off});
  const double seconds = seconds_since(begin);
  if (tasker.is_root()) std::filesystem::remove(file);
  return seconds;
}

void run(tasker::Tasker& tasker, const std::vector<std::string>& words) {
  const std::string& file = words[0];
  const std::uint64_t tasks = std::stoull(words.back());
  if (words[1] == "no-op") {
    const auto args = std::views::iota(std::uint64_t{0}, tasks) |
                      std::views::transform([](std::uint64_t i) { return 0.5 * static_cast<double>(i); });
    const double seconds = time_map(tasker, file, [&](const tasker::Options& options) {
      return tasker.map(
          file, [](double x) { return x; }, args, options);
    });
    if (tasker.is_root()) print(seconds, tasks, 0);
    return;
  }
  const auto work = workload(words[1], 1e-6 * std::stod(words[2]), tasks);
  const auto call = [&](std::uint64_t task) {
    compute(work.seconds(task));
    return static_cast<double>(task);
  };
  const double seconds = time_map(tasker, file, [&](const tasker::Options& options) {
    return tasker.map(file, call, std::views::iota(std::uint64_t{0}, tasks), options);
  });
  if (tasker.is_root()) print(seconds, tasks, bound(work, tasker.worker_count()));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 5 && words[0] == "bare") {
    const auto work = workload(words[1], 1e-6 * std::stod(words[2]), std::stoull(words[3]));
    const int workers = std::stoi(words[4]);
    print(run_bare(work, workers), work.tasks, bound(work, workers));
    return 0;
  }
  if (words.size() != (words.size() > 1 && words[1] == "no-op" ? 3U : 4U)) {
    std::cerr << "usage: throughput_bench FILE no-op TASKS | FILE SHAPE MEAN TASKS | bare SHAPE MEAN TASKS "
                 "WORKERS\n";
    return tasker::exit_usage;
  }
  return tasker::run(argc, argv, [&](tasker::Tasker& tasker) { run(tasker, words); });
}
