#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace tasker::detail {

/// One task as it is about to start. `argument` is valid until the next call of `Steps::next`.
struct Step {
  std::uint64_t index = 0;
  std::uint32_t attempt = 1;
  std::string_view argument;
};

/// What a task asked about itself, and is bound to therefore.
struct Binding {
  bool index = false;
  bool count = false;
};

/// The tasks of a chunk, one after the other: asked before and told after every task. A process boundary fits
/// here.
class Steps {
 public:
  virtual ~Steps() = default;
  /// Starts the next task; false at the end of the chunk, or when what is left was taken back.
  virtual bool next(Step& step) = 0;
  /// Where the started task's result is to be appended.
  virtual std::string& result() = 0;
  virtual void done(Binding binding) = 0;
  virtual void failed(std::exception_ptr exception) = 0;
  /// Number of tasks of the whole map.
  virtual std::uint64_t task_count() const = 0;
  /// Until the started task must have ended; nanoseconds::max() if there is no limit.
  virtual std::chrono::nanoseconds time_left() const = 0;
  /// Whether it shall end as soon as it can.
  virtual bool stop_requested() const = 0;
  /// Keeps the started task's state until it is done; the one that this or an earlier attempt has saved last.
  virtual void save(std::string_view state) = 0;
  virtual std::optional<std::string> load() = 0;
};

}  // namespace tasker::detail
