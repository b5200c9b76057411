#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace tasker::detail {

/// A task that is about to start. Both `argument` and `result` are valid until the next call of
/// `Steps::next`.
struct Step {
  std::uint64_t index = 0;
  std::uint32_t attempt = 1;
  std::string_view argument;
  std::string* result = nullptr;  ///< The task's result is appended to it.
};

/// What a task asked about itself, and is bound to since then.
struct Binding {
  bool index = false;
  bool count = false;
};

/// The tasks of a chunk, one after the other. Whoever executes them asks before each task and reports after
/// it; caller and implementation may be in different processes.
class Steps {
 public:
  virtual ~Steps() = default;
  /// Starts the next task. False at the end of the chunk, and when the remaining tasks were taken back.
  virtual bool next(Step& step) = 0;
  virtual void done(Binding binding) = 0;
  virtual void failed(std::exception_ptr exception) = 0;
  /// Number of tasks of the whole map.
  virtual std::uint64_t task_count() const = 0;
  /// How long the started task may still last; nanoseconds::max() if there is no limit.
  virtual std::chrono::nanoseconds time_left() const = 0;
  /// Whether the started task shall end as soon as it can.
  virtual bool stop_requested() const = 0;
  /// Saves a state of the started task until the task is done.
  virtual void save(std::string_view state) = 0;
  /// The state that this attempt at the task or an earlier one saved last.
  virtual std::optional<std::string> load() = 0;
};

}  // namespace tasker::detail
