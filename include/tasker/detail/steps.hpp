#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace tasker::detail {

/// How many tasks of a chunk are started, and how many may be. Both numbers are one atomic word: a task can't
/// be both started and taken back.
struct Claims {
  std::uint32_t started;
  std::uint32_t limit;
};
using SharedClaims = std::atomic<Claims>;
static_assert(SharedClaims::is_always_lock_free);  // a lock would work within one process only

/// Claims the next task; false if none is left.
inline bool claim_task(SharedClaims& shared) {
  Claims claims = shared.load(std::memory_order_relaxed);
  do {
    if (claims.started >= claims.limit) return false;
  } while (!shared.compare_exchange_weak(claims, {claims.started + 1, claims.limit}));
  return true;
}

/// A task that is started.
struct Step {
  std::uint64_t index = 0;
  std::uint32_t attempt = 1;
  std::string_view argument = {};
  std::string* results = nullptr;  ///< The task's result is to be appended.
};

/// What a task asked about itself, and is bound to since then.
struct Binding {
  bool index = false;
  bool count = false;
};

/// The tasks of a chunk, one after the other. Whoever executes them asks before each task and reports after
/// it; caller and implementation may be in different processes.
///
/// Tiny tasks come in batches. The tasks of a batch have consecutive indices, and their arguments and results
/// lie in a row. Between them only the word of claims is asked, and whether the batch may go on.
class Steps {
 public:
  virtual ~Steps() = default;

  /// Starts the next task. Null at the end of the chunk, and when the remaining tasks were taken back. The
  /// step is valid until the next call.
  const Step* next() {
    if (left_ == 0 || !claim_task(*claims_)) return begin_batch();
    --left_;
    ++step_.index;
    step_.argument = {step_.argument.data() + step_.argument.size(), step_.argument.size()};
    return &step_;
  }
  /// The started task has ended, and its result is appended.
  void done(Binding binding) {
    const std::size_t size = step_.results->size();
    if (ended_ == 0) result_size_ = size;
    const bool alike = size == (ended_ + 1) * result_size_ && !binding.index && !binding.count;
    if (left_ > 0 && alike && may_go_on())
      ++ended_;
    else
      end_batch(binding);
  }
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

 protected:
  /// Takes what the batch before has left, and starts the first task of the next one. Null if there is none.
  virtual const Step* begin_batch() = 0;
  /// Whether more tasks may be started before `end_batch`.
  virtual bool may_go_on() const = 0;
  /// The started task was the last one of its batch.
  virtual void end_batch(Binding binding) = 0;

  // Of the batch:
  Step step_;                       ///< The task that was started last.
  std::uint32_t left_ = 0;          ///< So many tasks may be started after it.
  SharedClaims* claims_ = nullptr;  ///< They are claimed here.
  std::uint32_t ended_ = 0;         ///< So many tasks have ended, all of them well and bound to nothing.
  std::size_t result_size_ = 0;     ///< Of each of these.
};

}  // namespace tasker::detail
