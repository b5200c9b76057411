#pragma once

#include <string>

namespace tasker::tool {

/// The output of a shell command, and whether it exited with 0.
struct Answer {
  bool good = false;
  std::string text;  ///< Without newlines at its end.
};

/// To be put in front of each of Slurm's commands, which may wait for ever for a busy controller.
inline const std::string in_time = "timeout -s KILL 60 ";

Answer ask(const std::string& command);

}  // namespace tasker::tool
