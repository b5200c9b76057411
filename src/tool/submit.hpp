#pragma once

namespace CLI {
class App;
}

namespace tasker::tool {

/// `tasker submit`: writes a batch script for Slurm and submits it. When it is parsed it runs, and sets
/// `exit_code`, unless sbatch takes the place of this process.
void add_submit(CLI::App& app, int& exit_code);

}  // namespace tasker::tool
