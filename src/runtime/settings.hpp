#pragma once

#include <tasker/options.hpp>

#include <string>
#include <vector>

namespace tasker::runtime {

/// The options that count: those of the program, overridden by the environment.
struct Settings {
  Options options;
  bool dry_run = false;            ///< TASKER_DRY_RUN
  std::vector<std::string> notes;  ///< What to say of the TASKER_* variables that are set.
};

/// Applies the TASKER_* variables of `environment` ("NAME=value" each). Throws UsageError for a bad value.
Settings apply_environment(Options options, const std::vector<std::string>& environment);
/// The same with this process's environment.
Settings apply_environment(Options options);

}  // namespace tasker::runtime
