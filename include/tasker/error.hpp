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
  /// Stopped since the time was up, by SIGUSR1, or since the directory is held by, or was lost to, another
  /// run: run the same command again.
  exit_interrupted = 75,
};

/// Base of everything Tasker throws. The message names what is concerned, the cause and what to do next.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, int exit_code = exit_failed)
      : std::runtime_error(message), exit_code_(exit_code) {}
  /// What `tasker::run` makes the process exit with.
  int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

/// The program or its environment asks for something that can't be right; nothing was touched.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(message, exit_usage) {}
};

/// A file or directory that does not fit this program: other types, a foreign or a newer format. Nothing was
/// touched.
class MismatchError : public UsageError {
 public:
  using UsageError::UsageError;
};

/// A disk or the system failed (no space, no permission, I/O error). Everything finished before is kept.
class SystemError : public Error {
 public:
  explicit SystemError(const std::string& message) : Error(message, exit_system) {}
};

/// Bytes that are not what was once written: a failed checksum, or a value that does not decode.
class DamagedError : public SystemError {
 public:
  using SystemError::SystemError;
};

/// Stopped before the end: since the time is up, by SIGUSR1, since no rank is left to compute, since another
/// run holds the directory or has taken it, or since it has been removed; the same command again goes on with
/// what is there.
///
/// `fn` may throw it, too, when it was asked to stop (see `Context::stop_requested`).
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& message) : Error(message, exit_interrupted) {}
};

/// Not a failure: TASKER_DRY_RUN is set, and this map would compute something. The message says what.
class DryRun : public Error {
 public:
  explicit DryRun(const std::string& message) : Error(message, exit_done) {}
};

/// A result that is not there: its task failed, or was not computed yet.
class MissingResult : public Error {
 public:
  using Error::Error;
};

/// How tasks failed of one cause.
struct TaskFailure {
  std::uint64_t index = 0;  ///< The first of them.
  std::string message;      ///< Type and text of the exception and of nested ones, or how its process ended.
  std::uint64_t count = 1;  ///< How many they are.
  std::string output = {};  ///< The last lines of what the first of them wrote (`Options::capture`).

  bool operator==(const TaskFailure&) const = default;
};

/// At the end of a map some tasks had failed. Thrown on every rank, after all other tasks are done and
/// recorded.
class TasksFailed : public Error {
 public:
  TasksFailed(const std::string& message, std::uint64_t failed, std::uint64_t total,
              std::vector<TaskFailure> first)
      : Error(message, exit_failed), failed_(failed), total_(total), first_(std::move(first)) {}

  std::uint64_t failed() const noexcept { return failed_; }
  std::uint64_t total() const noexcept { return total_; }
  /// The most frequent causes, a few, in the order of their first tasks.
  const std::vector<TaskFailure>& first() const noexcept { return first_; }

 private:
  std::uint64_t failed_;
  std::uint64_t total_;
  std::vector<TaskFailure> first_;
};

}  // namespace tasker
