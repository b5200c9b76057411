#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tasker {

/// Exit codes of `tasker::run`, for scripts and schedulers.
enum ExitCode : int {
  exit_done = 0,     ///< All tasks are done.
  exit_failed = 1,   ///< Tasks failed, or another exception left the program.
  exit_usage = 2,    ///< Wrong usage, or a file that does not fit this program.
  exit_system = 74,  ///< The disk or the system failed.
  /// The run stopped early: its time was up, it got SIGUSR1, another run holds or took its directory, or had
  /// no work left for it. Run the same command again.
  exit_interrupted = 75,
};

/// Base of everything that Tasker throws. The message names file or task, the cause and what to do next.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, int exit_code = exit_failed)
      : std::runtime_error(message), exit_code_(exit_code) {}
  /// The exit code that `tasker::run` returns for this error.
  int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

/// The program or its environment asks for something that can't be right. Nothing was touched.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(message, exit_usage) {}
};

/// A file or directory does not fit this program (types, foreign or newer format). Nothing was touched.
class MismatchError : public UsageError {
 public:
  using UsageError::UsageError;
};

/// A disk or the system failed (no space, no permission, I/O error). What was finished before is kept.
class SystemError : public Error {
 public:
  explicit SystemError(const std::string& message) : Error(message, exit_system) {}
};

/// Bytes on disk are not what was written there: a checksum fails, or a value does not decode.
class DamagedError : public SystemError {
 public:
  using SystemError::SystemError;
};

/// The map stopped before its end: the time is up, the run got SIGUSR1, no rank is left to compute, another
/// run holds the directory or has taken it, or somebody has removed the directory. What is finished is kept,
/// and the same command goes on from there.
///
/// `fn` may throw it, too, when it was asked to stop (see `Context::stop_requested`).
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& message) : Error(message, exit_interrupted) {}

 protected:
  using Error::Error;
};

/// This run had joined another one, and nothing was left for it to do (`Options::idle_timeout`). The other
/// run goes on. The exit code is 75, but 0 for a member of a Slurm array and for a run by invitation.
class Left : public Interrupted {
 public:
  Left(const std::string& message, int exit_code) : Interrupted(message, exit_code) {}
};

/// For `fn` to throw when its task can't succeed, such as one whose input makes no sense: the task fails and
/// is not tried again, whatever `Options::retries` says. A run that a person starts later tries it again, as
/// it does with all that failed.
class Permanent : public Error {
 public:
  explicit Permanent(const std::string& message) : Error(message) {}
};

/// Not a failure: TASKER_DRY_RUN is set and this map has something to compute. The message says what.
class DryRun : public Error {
 public:
  explicit DryRun(const std::string& message) : Error(message, exit_done) {}
};

/// There is no such result: its task failed, or was not computed yet.
class MissingResult : public Error {
 public:
  using Error::Error;
};

/// One cause for which tasks failed.
struct TaskFailure {
  std::uint64_t index = 0;  ///< The first task that failed for it.
  std::string message;      ///< Type and text of the exception and of nested ones, or how the process ended.
  std::uint64_t count = 1;  ///< How many tasks failed for it.
  std::string output = {};  ///< The last lines that the first of them wrote (`Options::capture`).

  bool operator==(const TaskFailure&) const = default;
};

/// Some tasks failed. Thrown on every rank, when all other tasks are done and recorded, or when so many have
/// failed that the map stops (`OnFailure::stop`, `Options::max_failed`).
class TasksFailed : public Error {
 public:
  TasksFailed(const std::string& message, std::uint64_t failed, std::uint64_t total,
              std::vector<TaskFailure> first)
      : Error(message, exit_failed), failed_(failed), total_(total), first_(std::move(first)) {}

  std::uint64_t failed() const noexcept { return failed_; }
  std::uint64_t total() const noexcept { return total_; }
  /// A few of the most frequent causes, in the order of their first tasks.
  const std::vector<TaskFailure>& first() const noexcept { return first_; }

 private:
  std::uint64_t failed_;
  std::uint64_t total_;
  std::vector<TaskFailure> first_;
};

}  // namespace tasker
