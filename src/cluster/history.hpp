#pragma once

#include <string>

/// The history of a job that comes back into the queue again and again: a file with a line for each event,
/// kept by `tasker launch --requeue`. It shows whether the job makes progress.
namespace tasker::cluster {

/// The environment variable that names the file.
inline constexpr const char* history_variable = "TASKER_HISTORY";

/// A line: another run holds the directory, so this one has not begun.
inline constexpr const char* held = "held";
/// A line: the job goes back into the queue. All other lines are "DIGEST LEFT": a run begins to compute the
/// map DIGEST, of which LEFT tasks are left.
inline constexpr const char* requeued = "requeued";

/// The history of this job, if one is kept.
class History {
 public:
  /// Reads the environment.
  History();
  /// Adds a line. Failures are ignored: a missing line only makes a count wrong.
  void add(const std::string& line) const;

 private:
  std::string path_;  // empty: none is kept
};

}  // namespace tasker::cluster
