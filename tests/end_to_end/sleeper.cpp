/// A small program whose tasks sleep, for tests in which the time is up; `name=value` arguments:
///
///   archive=FILE     path of the map            arguments=FILE   its arguments: "NAME SECONDS" a line
///   ledger=FILE      gets "begin NAME DONE", "end NAME" or "stop NAME DONE" for each call of fn,
///                    and "beside NAME" for an argument that is not made on the main thread
///   pids=FILE        gets "rank pid" of every rank
///   go=FILE          a task ends as soon as this file exists
///   late=RANK        a rank that does not call map before it exists
///   stops=yes        a task looks all the time whether it shall stop
///   saves=yes        a task saves how long it has slept
///   expected=FACTOR  tasks are expected to last so many times their seconds
///   order=longest_first     version=TEXT
#include "settings.hpp"

#include <tasker/tasker.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <ranges>
#include <sstream>
#include <thread>

namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;
using Task = std::pair<std::string, double>;

/// In one write(), so that what several processes append never mixes.
void append(const std::string& path, const std::string& line) {
  const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  const std::string text = line + "\n";
  if (file < 0 || ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("cannot write " + path);
  ::close(file);
}

void note(const std::string& line) { append(settings["ledger"], line); }

std::vector<Task> tasks() {
  std::vector<Task> all;
  std::ifstream in(settings["arguments"]);
  for (Task task; in >> task.first >> task.second;) all.push_back(task);
  return all;
}

/// Arguments are made on the main thread only; it is noted if one is not.
Task made(const Task& task) {
  if (::gettid() != ::getpid()) note("beside " + task.first);
  return task;
}

double nap(const std::string& name, double seconds, tasker::Context& context) {
  using Clock = std::chrono::steady_clock;
  const bool saves = settings["saves"] == "yes";
  const double before = saves ? context.load<double>().value_or(0) : 0;
  const auto begin = Clock::now();
  double done = before;
  note("begin " + name + " " + std::to_string(done));
  while (done < seconds && !std::filesystem::exists(settings["go"])) {
    std::this_thread::sleep_for(Seconds(std::min(0.005, seconds - done)));
    done = before + Seconds(Clock::now() - begin).count();
    if (saves) context.save(done);
    if (settings["stops"] == "yes" && context.stop_requested()) {
      note("stop " + name + " " + std::to_string(done));
      throw tasker::Interrupted("stopped at " + std::to_string(done));
    }
  }
  note("end " + name);
  return seconds;
}

}  // namespace

int main(int argc, char** argv) {
  read_settings(argc, argv);
  return tasker::run(argc, argv, [](tasker::Tasker& tasker) {
    append(settings["pids"], std::to_string(tasker.rank()) + " " + std::to_string(::getpid()));
    while (std::to_string(tasker.rank()) == settings["late"] && !std::filesystem::exists(settings["go"]))
      std::this_thread::sleep_for(5ms);
    tasker::Options options;
    options.version = settings["version"];
    if (settings["order"] == "longest_first") options.order = tasker::Order::longest_first;
    const std::vector<Task> all = tasks();
    const auto lazy = all | std::views::transform(made);
    if (settings["expected"].empty()) {
      tasker.map(settings["archive"], nap, lazy, options);
    } else {
      const double factor = std::stod(settings["expected"]);
      tasker.map(
          settings["archive"], nap, lazy, options,
          tasker::expected([&](const std::string&, double seconds) { return Seconds(factor * seconds); }));
    }
  });
}
