#pragma once

#include <tasker/options.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace tasker::runtime {

/// Options after the environment has had its say.
struct Settings {
  Options options;
  bool dry_run = false;            ///< TASKER_DRY_RUN
  std::vector<std::string> notes;  ///< What was overridden, and unknown TASKER_* variables; to be said once.
};

/// Applies the TASKER_* variables of `environment` ("NAME=value" each). Throws UsageError for a malformed
/// one.
Settings apply_environment(Options options, const std::vector<std::string>& environment);
/// The same with this process's environment.
Settings apply_environment(Options options);

}  // namespace tasker::runtime
