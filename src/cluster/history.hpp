#pragma once

#include <string>

/// How far a job has come in each of its runs, as it comes back into the queue again and again: a file with a
/// line for each step, kept by `tasker launch --requeue`.
namespace tasker::cluster {

/// The environment variable that names it.
inline constexpr const char* history_variable = "TASKER_HISTORY";

/// A line of it: another run holds the directory, so this one has not begun.
inline constexpr const char* held = "held";
/// And: the job goes back into the queue. All others are "DIGEST LEFT", when a run begins to compute a map.
inline constexpr const char* requeued = "requeued";

/// Adds a line, if such a file is kept. That it fails costs no more than a wrong count.
void add_history(const std::string& line);

}  // namespace tasker::cluster
