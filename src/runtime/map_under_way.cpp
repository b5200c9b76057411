#include "runtime/map_under_way.hpp"

#include "base/console.hpp"
#include "base/process.hpp"
#include "cluster/report.hpp"
#include "execute/run_chunk.hpp"

#include <tasker/error.hpp>

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>

namespace tasker::runtime {

namespace {

/// The process in which a map is under way; 0: none. A copy that was forked meanwhile is another one.
std::atomic<pid_t> mapping = 0;

void end_in_map() {
  if (mapping != base::process_id()) return;
  std::optional<std::uint64_t> task;
  try {
    task = execute::keep_what_has_ended();
  } catch (const std::exception& error) {
    base::say(std::string("tasker: ") + error.what() + "\n");
  }
  base::say("tasker: " + (task ? "task " + std::to_string(*task) : "the program") +
            " ended the process, by exit, while a map was under way; what was recorded is kept. Return or "
            "throw instead; where tasks are isolated (TASKER_ISOLATION=process) it costs only the task\n");
  cluster::report_exit(exit_failed);
  ::_exit(exit_failed);
}

}  // namespace

MapUnderWay::MapUnderWay() {
  // Behind the first Tasker and MPI, so it is called before what ends them.
  [[maybe_unused]] static const bool registered =
      std::atexit(end_in_map) == 0 && std::at_quick_exit(end_in_map) == 0;
  mapping = base::process_id();
}

MapUnderWay::~MapUnderWay() { mapping = 0; }

}  // namespace tasker::runtime
