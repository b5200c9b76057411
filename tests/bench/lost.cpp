// What the death of a worker costs; see README.md.
//
//     tasker launch -n 9 lost_bench FILE TASKS MEAN DIES
//
// TASKS that wait for MEAN µs, so that there may be more workers than cores. The last rank is killed at its
// DIES-th task; 0: it lives.
#include <tasker/tasker.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <thread>

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() != 4) {
    std::cerr << "usage: lost_bench FILE TASKS MEAN DIES\n";
    return tasker::exit_usage;
  }
  return tasker::run(argc, argv, [&](tasker::Tasker& tasker) {
    const std::chrono::microseconds mean(std::stol(words[2]));
    const int dies = tasker.rank() == tasker.size() - 1 ? std::stoi(words[3]) : 0;
    int calls = 0;
    const auto wait = [&](int task) {
      if (++calls == dies) std::raise(SIGKILL);
      std::this_thread::sleep_for(mean);
      return task;
    };
    const auto begin = std::chrono::steady_clock::now();
    tasker.map(words[0], wait, std::views::iota(0, std::stoi(words[1])), {.progress = tasker::Progress::off});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    if (!tasker.is_root()) return;
    std::filesystem::remove(words[0]);
    std::printf("seconds=%.6f\n", seconds.count());
  });
}
