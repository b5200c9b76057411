#include "tool/requeue.hpp"

#include "base/console.hpp"
#include "cluster/history.hpp"
#include "tool/slurm_command.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

namespace tasker::tool {

namespace {

void say(const std::string& message) { base::say("tasker: " + message + "\n"); }

}  // namespace

unsigned stalled(std::string_view history) {
  unsigned count = 0;
  std::map<std::string, std::uint64_t> least;  // of each map
  bool is_held = false;
  std::istringstream lines{std::string(history)};
  for (std::string line; std::getline(lines, line);) {
    const bool was_held = std::exchange(is_held, line == cluster::held);
    if (line == cluster::requeued && !was_held) ++count;
    std::istringstream words(line);
    std::string digest;
    std::uint64_t left = 0;
    if (!(words >> digest >> left)) continue;
    const auto [map, is_new] = least.emplace(digest, left);
    if (is_new || left < map->second) count = 0;
    map->second = std::min(map->second, left);
  }
  return count;
}

bool is_at_limit(std::string_view job) {
  return job.find(" JobState=COMPLETING Reason=TimeLimit ") != job.npos;
}

bool may_come_back(std::string_view job) {
  return job.find(" JobState=RUNNING ") != job.npos || is_at_limit(job);
}

Requeue::Requeue(unsigned most, const std::string& job) : most_(most), job_(job) {
  if (job_.empty() || job_.find_first_not_of("0123456789_") != job_.npos)
    throw UsageError(
        "--requeue: this is no Slurm job; it is meant for batch scripts, such as tasker submit writes");
  // A job that was submitted anew goes on with the file of the first job.
  const char* const before = std::getenv(cluster::history_variable);
  history_ = before ? before : std::filesystem::absolute("tasker-" + job_ + ".history").string();
  ::setenv(cluster::history_variable, history_.c_str(), 1);
}

void Requeue::after(int exit_code) const {
  if (has_reason(exit_code)) {
    std::ifstream file(history_);
    const std::string history{std::istreambuf_iterator<char>(file), {}};
    if (stalled(history) < most_) return come_back(history.ends_with(cluster::held + std::string("\n")));
    say("job " + job_ + " has come back " + (most_ == 1 ? "once" : std::to_string(most_) + " times") +
        " without progress and ends here; the same command again computes what is missing");
  }
  std::error_code ignored;
  std::filesystem::remove(history_, ignored);
}

/// Whether the run was stopped early, and not by somebody who has cancelled the job.
bool Requeue::has_reason(int exit_code) const {
  // At the time limit Slurm may have killed rank 0 before its last word; the exit code is that of a lost rank
  // 0.
  if (exit_code != exit_interrupted && exit_code != exit_system) return false;
  const Answer state = ask(in_time + "scontrol --oneliner show job " + job_);
  // A controller too busy to answer has hardly cancelled the job a moment ago.
  if (exit_code == exit_interrupted) return !state.good || may_come_back(state.text);
  return state.good && is_at_limit(state.text);
}

void Requeue::come_back(bool held) const {
  cluster::History().add(cluster::requeued);
  const Answer requeued = ask(in_time + "scontrol requeue " + job_);
  if (requeued.good) return say("job " + job_ + " goes back into the queue");
  // Where the site forbids that, a new job takes this one's place; an array's member has its own place only,
  // not the whole array's. If another run holds the directory, the new job waits a while, as a requeued one
  // does. It gets this environment, whatever the script says, for the history.
  const Answer submitted =
      ask("cd \"$SLURM_SUBMIT_DIR\" && " + in_time + "scontrol write batch_script " + job_ + " - | " +
          in_time + "sbatch --parsable --export=ALL --dependency=afterany:" + job_ +
          (held ? " --begin=now+120" : "") + " ${SLURM_ARRAY_TASK_ID:+--array=$SLURM_ARRAY_TASK_ID}");
  say("job " + job_ + " can't be requeued (" + requeued.text +
      (submitted.good ? "); job " + submitted.text + " goes on"
                      : "), nor submitted anew (" + submitted.text +
                            "); the same command again computes what is missing"));
}

}  // namespace tasker::tool
