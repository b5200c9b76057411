#pragma once

namespace CLI {
class App;
}

namespace tasker::tool {

/// `tasker launch`: starts a program under mpirun so that the others live on when a rank dies. When it is
/// parsed it runs, and sets `exit_code`.
void add_launch(CLI::App& app, int& exit_code);

}  // namespace tasker::tool
