#include "base/units.hpp"
#include "cluster/launcher.hpp"
#include "talk/lifeline.hpp"
#include "tool/array.hpp"
#include "tool/commands.hpp"
#include "tool/mpirun.hpp"
#include "tool/requeue.hpp"
#include "tool/words.hpp"

#include <tasker/error.hpp>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace tasker::tool {

namespace {

/// Options of the run that have a flag here, since they are often given by hand. Every option has a variable.
struct Flag {
  const char* flag;
  const char* variable;
  const char* what;
};
constexpr Flag flags[] = {
    {"--slots", "TASKER_SLOTS", "tasks at a time on each rank, in processes of their own"},
    {"--retries", "TASKER_RETRIES", "how often a task that fails is tried again"},
    {"--retry-after", "TASKER_RETRY_AFTER", "how long it waits before that, such as 10s"},
    {"--max-failed", "TASKER_MAX_FAILED", "when so many tasks have failed, the run stops"},
    {"--timeout", "TASKER_TIMEOUT", "how long a task may last, such as 90s or 2h"},
    {"--memory-limit", "TASKER_MEMORY_LIMIT", "what a task may take, such as 500M"},
    {"--progress", "TASKER_PROGRESS", "line, log or off"},
    {"--lost-after", "TASKER_LOST_AFTER", "how long a host may be silent until it is given up (10s)"},
    {"--max-lost", "TASKER_MAX_LOST", "how many ranks may die at one task (3)"},
};

struct Launch {
  int ranks = 0;
  std::string hosts;
  std::string more;
  unsigned requeues = 0;
  bool array = false;
  bool dry_run = false;
};

std::vector<std::string> command_of(const Launch& launch, const std::vector<std::string>& program) {
  // A rank that dies, or exits with an error, must not end the others.
  std::vector<std::string> command{"mpirun", "--enable-recovery", "--mca", "orte_abort_on_non_zero_status",
                                   "0"};
  const auto add = [&](std::initializer_list<std::string> parts) { command.insert(command.end(), parts); };
  if (launch.ranks > 0) add({"-n", std::to_string(launch.ranks)});
  if (!launch.hosts.empty()) add({"--host", launch.hosts});
  // mpirun sets variables on other hosts only if it is told to.
  for (char** variable = environ; *variable; ++variable)
    if (const std::string text = *variable; text.starts_with("TASKER_"))
      add({"-x", text.substr(0, text.find('='))});
  std::istringstream more(launch.more);
  for (std::string word; more >> word;) add({word});
  command.insert(command.end(), program.begin(), program.end());
  return command;
}

/// Whether ranks may be started on other hosts.
bool has_other_hosts(const Launch& launch) {
  for (const char* const allocation :
       {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "PE_HOSTFILE", "OMPI_MCA_orte_default_hostfile"})
    if (std::getenv(allocation)) return true;
  return !launch.hosts.empty() || !launch.more.empty();
}

/// A malformed value is not reported here: rank 0 does that.
std::chrono::milliseconds lost_after() {
  const char* const text = std::getenv("TASKER_LOST_AFTER");
  const auto pause = base::parse_duration(text ? text : "");
  return pause ? std::chrono::duration_cast<std::chrono::milliseconds>(*pause) : talk::default_lost_after;
}

int run(const Launch& launch, const std::vector<std::string>& program) {
  if (program.empty()) throw UsageError("launch what? For example: tasker launch -n 8 ./myjob");
  if (program.front().starts_with('-'))
    throw UsageError("there is no option " + program.front() + "; see tasker launch --help");
  require_program(program.front());  // mpirun would wait for ranks that never start
  std::optional<Array> array;
  if (launch.array) array.emplace();
  std::optional<Requeue> requeue;
  if (launch.requeues > 0) requeue.emplace(launch.requeues, array ? array->member() : cluster::slurm_job());
  Mpirun mpirun(has_other_hosts(launch), lost_after());
  const auto command = command_of(launch, program);
  if (!launch.dry_run) {
    const int exit_code = mpirun.run(command);
    if (requeue) requeue->after(exit_code);
    if (array && !mpirun.left()) array->after(exit_code);
    return exit_code;
  }
  for (const std::string& word : command)
    std::cout << quoted(word) << (&word == &command.back() ? '\n' : ' ');
  return exit_done;
}

}  // namespace

void add_launch(CLI::App& app, int& exit_code) {
  CLI::App* const command = app.add_subcommand(
      "launch",
      "Starts a program under mpirun (Open MPI 4) so that a rank or host that dies costs the tasks it was "
      "at, and nothing else. Rank 0 must live: when it dies the run ends, and can be resumed.");
  const auto launch = std::make_shared<Launch>();
  command->prefix_command();
  command
      ->add_option("-n,--ranks", launch->ranks, "number of processes; rank 0 hands out, the others compute")
      ->check(CLI::Range(1, 1000000));
  command->add_option("--hosts", launch->hosts, "where, such as node1:16,node2:16");
  for (const Flag& flag : flags) {
    const auto set = [variable = flag.variable](const std::string& value) {
      if (!value.empty()) ::setenv(variable, value.c_str(), 1);
    };
    command->add_option_function<std::string>(flag.flag, set, flag.what);
  }
  command->add_option("--mpirun", launch->more, "more arguments for mpirun, such as '--map-by node'");
  command
      ->add_option(
          "--requeue", launch->requeues,
          "in a Slurm batch script: when stopped early, by a signal or the time limit, the job goes "
          "back into the queue; so often without progress. Where the site forbids that, the script is "
          "submitted anew: what counts must stand in it, not on sbatch's command line")
      ->check(CLI::Range(1U, 1000000U));
  command->add_flag("--array", launch->array,
                    "in the batch script of a Slurm array whose members all run this command: once all is "
                    "done, those that still wait in the queue are cancelled");
  command->add_flag("--dry-run", launch->dry_run, "only print mpirun's command line");
  command->footer(
      "Example: tasker launch -n 8 --retries 2 ./myjob input.txt\n"
      "Exit code: that of rank 0, which mpirun loses; 74 if rank 0 died, 75 if a signal ended the run.");
  command->callback([command, launch, &exit_code] { exit_code = run(*launch, words_behind(*command)); });
}

}  // namespace tasker::tool
