// What a task costs in the rank itself, in a process that is kept, its output captured or not, and in one
// that is forked for it, where the rank is large:
//
//     isolation_bench BYTES TASKS
#include "execute/run_chunk.hpp"
#include "execute/slots/slots.hpp"

#include <tasker/detail/make_call.hpp>
#include <tasker/error.hpp>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <ranges>
#include <string>

namespace {

using namespace tasker;
using Clock = std::chrono::steady_clock;

constexpr int forks = 30;
constexpr std::uint64_t chunk = 10'000;  // rank 0 hands out up to 16,000 such tasks together

double microseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

double per_fork() {
  const auto begin = Clock::now();
  for (int i = 0; i < forks; ++i) {
    const pid_t child = ::fork();
    if (child < 0) throw SystemError("cannot fork");
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);
  }
  return microseconds_since(begin) / forks;
}

struct Nowhere final : execute::FrameSink {
  void write(const store::FrameParts&) override {}
};

/// Microseconds that a task takes. `make_execute(work, sink)` returns what executes a chunk.
template <class MakeExecute>
double per_task(std::uint64_t tasks, Capture capture, MakeExecute make_execute) {
  auto args = std::views::iota(std::uint64_t{0}, tasks);
  const auto call =
      detail::make_call("unused", [](std::uint64_t i) { return i; }, args, {.capture = capture});
  const store::Fingerprinter fingerprint(call);
  const execute::Work work{call, tasks, fingerprint};
  Nowhere sink;
  auto execute = make_execute(work, sink);
  const auto begin = Clock::now();
  for (std::uint64_t first = 0; first < tasks; first += chunk) {
    const std::uint64_t last = std::min(first + chunk, tasks);
    std::string arguments;
    call.encode_arguments(first, last, std::string::npos, arguments);
    execute(std::make_shared<execute::Chunk>(talk::Assignment{1, {{first, last}}}, std::move(arguments)));
  }
  return microseconds_since(begin) / static_cast<double>(tasks);
}

double per_task_in_rank(std::uint64_t tasks) {
  return per_task(tasks, Capture::none, [](const execute::Work& work, execute::FrameSink& sink) {
    return [&work, recorder = execute::Recorder(sink, work.fingerprint, true)](const auto& tasks_of) mutable {
      execute::run_chunk(*tasks_of, work, recorder);
    };
  });
}

double per_task_in_child(std::uint64_t tasks, Capture capture) {
  return per_task(tasks, capture, [](const execute::Work& work, execute::FrameSink& sink) {
    return [&sink, slots = std::make_unique<execute::slots::Slots>(work, 1)](const auto& tasks_of) {
      slots->start(tasks_of);
      while (!slots->all_free()) {
        const auto watched = slots->watched();
        ::poll(watched.data(), watched.size(), -1);
        slots->hear(sink);
      }
    };
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: isolation_bench BYTES TASKS\n";
    return exit_usage;
  }
  const std::string ballast(std::stoull(argv[1]), 'x');  // resident, as it is written
  const std::uint64_t tasks = std::stoull(argv[2]);
  const double fork = per_fork();
  const double in_rank = per_task_in_rank(tasks);
  const double captured = per_task_in_child(tasks, Capture::failures);
  const double uncaptured = per_task_in_child(tasks, Capture::none);
  std::printf("fork_us=%.3f in_rank_us=%.3f task_us=%.3f uncaptured_us=%.3f ballast=%zu\n", fork, in_rank,
              captured, uncaptured, ballast.size());
  return 0;
}
