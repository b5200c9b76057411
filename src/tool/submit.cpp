#include "base/file.hpp"
#include "base/names.hpp"
#include "cluster/history.hpp"
#include "cluster/report.hpp"
#include "tool/batch_script.hpp"
#include "tool/commands.hpp"
#include "tool/words.hpp"

#include <tasker/error.hpp>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace tasker::tool {

namespace {

constexpr std::size_t most_script = std::size_t{1} << 20;

struct Submit {
  bool wait = false;
  bool dry_run = false;
  BatchJob job;
};

/// The TASKER_* variables that are set now. The script sets them, so that they also count when it is
/// submitted once more.
std::vector<std::pair<std::string, std::string>> variables() {
  std::vector<std::pair<std::string, std::string>> found;
  for (char** variable = environ; *variable; ++variable) {
    const std::string text = *variable;
    const auto equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (!name.starts_with("TASKER_") || equals == text.npos) continue;
    if (name == cluster::launcher_variable || name == cluster::history_variable) continue;  // another run's
    found.emplace_back(name, text.substr(equals + 1));
  }
  std::ranges::sort(found);
  return found;
}

/// Throws UsageError if the path has a file that this command has not written.
void write_script(const std::string& path, const std::string& text) {
  const auto mark = text.substr(0, text.find(';'));
  const auto before = base::read_small_file(path, most_script);
  if (before && !before->starts_with(mark))
    throw UsageError(path + " was not written by tasker submit; move it away, or submit it with sbatch");
  base::atomic_replace(path, text, false);
}

int run(Submit& submit, const std::vector<std::string>& words) {
  BatchJob& job = submit.job;
  const auto program =
      std::ranges::find_if(words, [](const std::string& word) { return !word.starts_with('-'); });
  // Options before the program that `tasker submit` does not know are flags for sbatch.
  job.flags.insert(job.flags.end(), words.begin(), program);
  job.program.assign(program, words.end());
  if (job.program.empty())
    throw UsageError("submit what? For example: tasker submit -n 64 -t 4:00:00 ./myjob");
  require_program(job.program.front());
  job.tool = std::filesystem::read_symlink("/proc/self/exe").string();
  job.variables = variables();
  const std::string text = batch_script(job);
  if (submit.dry_run) {
    std::cout << text;
    return exit_done;
  }
  const std::string path = name_of(job) + ".sbatch";
  write_script(path, text);
  std::vector<const char*> command{"sbatch", "--parsable"};
  if (submit.wait) command.push_back("--wait");
  command.insert(command.end(), {path.c_str(), nullptr});
  ::execvp(command.front(), const_cast<char* const*>(command.data()));
  throw UsageError(std::string("cannot run sbatch: ") + std::strerror(errno) +
                   "; is this a machine from which jobs are submitted to Slurm?");
}

}  // namespace

void add_submit(CLI::App& app, int& exit_code) {
  CLI::App* const command = app.add_subcommand(
      "submit",
      "Writes a batch script for Slurm, PROGRAM.sbatch in this directory, and submits it; prints the job's "
      "id. The job runs the program under `tasker launch` and comes back into the queue until nothing is "
      "left "
      "to compute.");
  const auto submit = std::make_shared<Submit>();
  command->prefix_command();
  const auto add_flag = [&](const std::string& names, const std::string& flag, const std::string& what) {
    const auto pass_on = [submit, flag](const std::string& value) {
      if (!value.empty()) submit->job.flags.push_back(flag + "=" + value);
    };
    command->add_option_function<std::string>(names, pass_on, what);
  };
  add_flag("-N,--nodes", "--nodes", "on how many nodes");
  add_flag("-n,--ntasks", "--ntasks", "number of ranks; rank 0 hands out, the others compute");
  command->add_option("-t,--time", submit->job.time, "how long an allocation lasts, as sbatch takes it");
  add_flag("-p,--partition", "--partition", "Slurm's partition");
  command->add_option("-a,--array", submit->job.array,
                      "so many jobs that share the work, such as 20, or 20%5 for five at a time, or indices "
                      "as sbatch takes them; once all is done, those that still wait are cancelled");
  command
      ->add_option("--requeue", submit->job.requeues,
                   "how often the job may come back into the queue without progress, which is fewer tasks "
                   "left (10); 0: it never does")
      ->check(CLI::Range(0U, 1000000U));
  command->add_flag("--wait", submit->wait, "wait for the job's end; exit as it does");
  command->add_flag("--dry-run", submit->dry_run, "only print the script");
  command->footer(
      "All other options before the program are sbatch's; write their values with '='. TASKER_* variables "
      "that are set now are set in the job.\n"
      "Example: tasker submit -n 64 --time 4:00:00 --mem-per-cpu=2G --account=physics ./myjob input.txt");
  command->callback([command, submit, &exit_code] { exit_code = run(*submit, words_behind(*command)); });
}

}  // namespace tasker::tool
