// What a short map costs, with all that a map does:
//
//     mpirun -n 3 maps_bench DIRECTORY MAPS TASKS
//
// MAPS maps in a row, each of TASKS tasks that do nothing, each with an archive of its own.
#include <tasker/tasker.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() != 3) {
    std::cerr << "usage: maps_bench DIRECTORY MAPS TASKS\n";
    return tasker::exit_usage;
  }
  return tasker::run(argc, argv, [&](tasker::Tasker& tasker) {
    const std::filesystem::path directory = words[0];
    const int maps = std::stoi(words[1]);
    const int tasks = std::stoi(words[2]);
    if (tasker.is_root()) {
      std::filesystem::remove_all(directory);
      std::filesystem::create_directory(directory);
    }
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < maps; ++i)
      tasker.map(directory / std::to_string(i), [](int x) { return x; }, std::views::iota(i, i + tasks),
                 {.progress = tasker::Progress::off});
    const std::chrono::duration<double, std::milli> all = std::chrono::steady_clock::now() - begin;
    if (!tasker.is_root()) return;
    std::filesystem::remove_all(directory);
    std::printf("ms_each=%.4f\n", all.count() / maps);
  });
}
