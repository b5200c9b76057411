#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

/// The subcommands of `tasker`, each in a file of its name. When one is parsed it runs, and sets `exit_code`.
namespace tasker::tool {

/// `tasker launch`: starts a program under mpirun so that the others live on when a rank dies.
void add_launch(CLI::App& app, int& exit_code);

/// `tasker submit`: writes a batch script for Slurm and submits it. At the end sbatch takes the place of this
/// process, unless the script was only to be printed.
void add_submit(CLI::App& app, int& exit_code);

/// `tasker invite`: prints a ticket, with which runs join that don't see the directory.
void add_invite(CLI::App& app, int& exit_code);

/// The program, its arguments, and the options before it that the subcommand does not know, with `--` or
/// without.
std::vector<std::string> words_behind(const CLI::App& subcommand);

}  // namespace tasker::tool
