// How fast a map is, from its call to the archive; see README.md.
//
//     mpirun -n 3 throughput_bench FILE no-op TYPE TASKS   tasks that do nothing: TYPE -> TYPE, of types.hpp
//     mpirun -n 3 throughput_bench FILE SHAPE MEAN TASKS   tasks that need MEAN µs of CPU time on average
//     throughput_bench bare SHAPE MEAN TASKS WORKERS       the same tasks without the library
//
// SHAPE is constant, exponential, bimodal, increasing or decreasing. "bare" takes one task after the other
// from a counter in shared memory: what this machine can do at best, now.
#include "support/simulation.hpp"
#include "types.hpp"

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

/// Seconds from `begin` until the last task was recorded; what comes after is the merge. One of the last that
/// were handed out is the last to end.
template <class R>
double seconds_to_last_record(const tasker::Results<R>& results,
                              std::chrono::system_clock::time_point begin) {
  constexpr std::uint64_t looked_at = 10'000;
  auto end = begin;
  for (std::uint64_t i = results.size() - std::min(results.size(), looked_at); i < results.size(); ++i) {
    const tasker::Info info = results.info(i).value();
    end = std::max(end, info.start + std::chrono::round<std::chrono::system_clock::duration>(info.duration));
  }
  return std::chrono::duration<double>(end - begin).count();
}

/// Bytes of the journals, which are still there if the environment asks for that (TASKER_KEEP_DIRECTORY).
std::uintmax_t bytes_of_journals(const std::filesystem::path& directory) {
  std::uintmax_t bytes = 0;
  if (std::filesystem::exists(directory))
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      if (entry.path().extension() == ".journal") bytes += entry.file_size();
  return bytes;
}

/// Maps, and prints on rank 0 what it took. `least`: seconds within which no map can end.
template <class Fn, class Args>
void time_map(tasker::Tasker& tasker, const std::filesystem::path& file, Fn fn, Args args, double least) {
  const std::filesystem::path directory = file.string() + ".mpi";
  const auto remove = [&] {
    std::filesystem::remove(file);
    std::filesystem::remove_all(directory);
  };
  const auto map = [&] { return tasker.map(file, fn, args, {.progress = tasker::Progress::off}); };
  if (tasker.is_root()) remove();
  const auto begin = std::chrono::system_clock::now();
  const auto clock = Clock::now();
  const auto results = map();
  const double seconds = seconds_since(clock);
  const auto again = Clock::now();
  map();
  const double returned = seconds_since(again);
  if (!tasker.is_root()) return;
  const auto tasks = static_cast<double>(results.size());
  print(seconds, results.size(), least);
  std::printf("computed=%.6f returned=%.6f journal_bytes=%.2f archive_bytes=%.2f\n",
              seconds_to_last_record(results, begin), returned,
              static_cast<double>(bytes_of_journals(directory)) / tasks,
              static_cast<double>(std::filesystem::file_size(file)) / tasks);
  remove();
}

void run(tasker::Tasker& tasker, const std::vector<std::string>& words) {
  const std::string& file = words[0];
  const std::uint64_t tasks = std::stoull(words[3]);
  const auto indices = std::views::iota(std::uint64_t{0}, tasks);
  if (words[1] == "no-op") {
    tasker::bench::with_type(words[2], [&]<class T>() {
      time_map(
          tasker, file, [](T x) { return x; },
          indices | std::views::transform([](std::uint64_t i) { return tasker::bench::make<T>(i); }), 0);
    });
    return;
  }
  const auto work = workload(words[1], 1e-6 * std::stod(words[2]), tasks);
  const auto call = [&](std::uint64_t task) {
    compute(work.seconds(task));
    return static_cast<double>(task);
  };
  time_map(tasker, file, call, indices, bound(work, tasker.worker_count()));
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
  if (words.size() != 4) {
    std::cerr
        << "usage: throughput_bench FILE no-op TYPE TASKS | FILE SHAPE MEAN TASKS | bare SHAPE MEAN TASKS "
           "WORKERS\n";
    return tasker::exit_usage;
  }
  return tasker::run(argc, argv, [&](tasker::Tasker& tasker) { run(tasker, words); });
}
