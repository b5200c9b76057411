#include "tool/array.hpp"

#include "base/console.hpp"
#include "tool/slurm_command.hpp"

#include <tasker/error.hpp>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace tasker::tool {

namespace {

/// A variable that Slurm sets to a number; it becomes part of a command.
std::string number(const char* variable) {
  const char* const value = std::getenv(variable);
  const std::string text = value ? value : "";
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos)
    throw UsageError(
        "--array: this is no member of a Slurm array; it is meant for batch scripts, such as tasker submit "
        "--array writes");
  return text;
}

}  // namespace

Array::Array() : id_(number("SLURM_ARRAY_JOB_ID")), member_(id_ + "_" + number("SLURM_ARRAY_TASK_ID")) {}

void Array::after(int exit_code) const {
  if (exit_code != exit_done) return;
  const Answer cancelled = ask(in_time + "scancel --state=PENDING " + id_);
  if (!cancelled.good)
    return base::say("tasker: what waits of array " + id_ + " can't be cancelled (" + cancelled.text +
                     "); it will find that all is done\n");
  base::say("tasker: all is done; what waits of array " + id_ + " is cancelled\n");
  // Those that had come back into the queue have left their histories.
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(".", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("tasker-" + id_ + "_") && name.ends_with(".history"))
      std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace tasker::tool
