// How much anonymous memory rank 0 takes while it maps lazily given no-op tasks:
//
//     mpirun -n 2 memory_bench FILE TASKS
//
// Pages of files do not count: the kernel can drop them. The largest value is what a thread saw that looks
// every few milliseconds, since the kernel keeps no high-water mark of it.
#include <tasker/tasker.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <mutex>
#include <thread>

namespace {

std::uint64_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kilobytes = 0;
    if (word == "RssAnon:" && status >> kilobytes) return kilobytes * 1024;
  }
  throw tasker::SystemError("cannot read RssAnon in /proc/self/status");
}

/// Watches this process's anonymous memory until it is asked for the most it saw.
class Watch {
 public:
  std::uint64_t end() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
    return most_;
  }

 private:
  void watch() {
    std::unique_lock lock(mutex_);
    do most_ = std::max(most_, anonymous_memory());
    while (!changed_.wait_for(lock, std::chrono::milliseconds(5), [&] { return ended_; }));
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::uint64_t most_ = 0;
  std::thread thread_{[this] { watch(); }};  // the last member: it uses the others
};

void run(tasker::Tasker& tasker, const std::filesystem::path& file, std::uint64_t tasks) {
  const auto args = std::views::iota(std::uint64_t{0}, tasks) |
                    std::views::transform([](std::uint64_t i) { return 0.5 * static_cast<double>(i); });
  const auto map = [&] {
    return tasker.map(file, [](double x) { return x; }, args, {.progress = tasker::Progress::off});
  };
  if (!tasker.is_root()) {
    map();
    return;
  }
  std::filesystem::remove(file);
  std::filesystem::remove_all(file.string() + ".mpi");
  const std::uint64_t before = anonymous_memory();
  Watch watch;
  map();
  const std::uint64_t most = watch.end();
  std::printf("tasks=%llu before=%llu most=%llu\n", static_cast<unsigned long long>(tasks),
              static_cast<unsigned long long>(before), static_cast<unsigned long long>(most));
  std::filesystem::remove(file);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: memory_bench FILE TASKS\n";
    return tasker::exit_usage;
  }
  return tasker::run(argc, argv, [&](tasker::Tasker& tasker) { run(tasker, argv[1], std::stoull(argv[2])); });
}
