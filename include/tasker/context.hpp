#pragma once

#include <cstdint>

namespace tasker {

/// What a task may ask about itself: take a `Context&` as the last parameter of `fn`.
class Context {
 public:
  /// Position of this task's argument. Asking binds the result to this position: should the argument move to
  /// another one in a later run, the task is computed again.
  std::uint64_t index() noexcept {
    asked_index_ = true;
    return index_;
  }
  /// How many tasks the map has. Asking binds the result to this number.
  std::uint64_t task_count() noexcept {
    asked_count_ = true;
    return count_;
  }
  /// 1 for the first try of this task, one more for each that is known to have failed.
  std::uint32_t attempt() const noexcept { return attempt_; }

 private:
  friend class ContextAccess;
  std::uint64_t index_ = 0;
  std::uint64_t count_ = 0;
  std::uint32_t attempt_ = 1;
  bool asked_index_ = false;
  bool asked_count_ = false;
};

/// How the library fills a Context and learns what was asked; not for users.
class ContextAccess {
 public:
  static void start(Context& context, std::uint64_t index, std::uint64_t count,
                    std::uint32_t attempt) noexcept {
    context.index_ = index;
    context.count_ = count;
    context.attempt_ = attempt;
    context.asked_index_ = context.asked_count_ = false;
  }
  static bool asked_index(const Context& context) noexcept { return context.asked_index_; }
  static bool asked_count(const Context& context) noexcept { return context.asked_count_; }
};

}  // namespace tasker
