// How much anonymous memory, and how much disk in files without a name, rank 0 takes while it maps no-op
// tasks:
//
//     mpirun -n 2 memory_bench FILE made|iota TASKS
//
// The arguments are doubles that a lazy view makes, or a plain iota of std::uint32_t. Pages of files do not
// count as memory: the kernel can drop them. The largest values are what a thread saw that looks every few
// milliseconds, since the kernel keeps no high-water mark of them.
#include <tasker/tasker.hpp>

#include <sys/stat.h>

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

/// Bytes on disk of files that are open and have no name.
std::uint64_t scratch() {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    struct stat file {};
    // One that was closed meanwhile does not count.
    if (::stat(entry.path().c_str(), &file) == 0 && S_ISREG(file.st_mode) && file.st_nlink == 0)
      bytes += static_cast<std::uint64_t>(file.st_blocks) * 512;
  }
  return bytes;
}

struct Use {
  std::uint64_t memory = anonymous_memory();
  std::uint64_t disk = scratch();
};

/// Watches what this process uses until it is asked for the most it saw.
class Watch {
 public:
  Use end() {
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
    do {
      const Use now;
      most_ = {std::max(most_.memory, now.memory), std::max(most_.disk, now.disk)};
    } while (!changed_.wait_for(lock, std::chrono::milliseconds(5), [&] { return ended_; }));
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  Use most_;
  std::thread thread_{[this] { watch(); }};  // the last member: it uses the others
};

void run(tasker::Tasker& tasker, const std::filesystem::path& file, auto args) {
  const auto map = [&] {
    return tasker.map(file, [](auto x) { return x; }, args, {.progress = tasker::Progress::off});
  };
  if (!tasker.is_root()) {
    map();
    return;
  }
  std::filesystem::remove(file);
  std::filesystem::remove_all(file.string() + ".mpi");
  const Use before;
  Watch watch;
  map();
  const Use most = watch.end();
  std::printf("before=%llu most=%llu scratch=%llu\n", static_cast<unsigned long long>(before.memory),
              static_cast<unsigned long long>(most.memory), static_cast<unsigned long long>(most.disk));
  std::filesystem::remove(file);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() != 3 || (words[1] != "made" && words[1] != "iota")) {
    std::cerr << "usage: memory_bench FILE made|iota TASKS\n";
    return tasker::exit_usage;
  }
  return tasker::run(argc, argv, [&](tasker::Tasker& tasker) {
    const auto indices = std::views::iota(std::uint32_t{0}, static_cast<std::uint32_t>(std::stoul(words[2])));
    if (words[1] == "iota")
      run(tasker, words[0], indices);
    else
      run(tasker, words[0], indices | std::views::transform([](std::uint32_t i) { return 0.5 * i; }));
  });
}
