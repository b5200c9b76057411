#pragma once

#include <tasker/detail/archive.hpp>
#include <tasker/detail/kept.hpp>
#include <tasker/detail/steps.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

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
  /// 1 for the first try of this task, one more for each that is known to have failed, or was
  /// given up when the time was up.
  std::uint32_t attempt() const noexcept { return attempt_; }
  /// How long this task may still last, until its run must stop (`Options::deadline`); may change, and be
  /// negative; nanoseconds::max() where there is no limit.
  std::chrono::nanoseconds time_left() const { return steps_->time_left(); }
  /// Whether the run stops, since that time is up or by SIGUSR1. A task that lasts long may look now and
  /// then, and throw `tasker::Interrupted`: then it has not failed, but is called again by the next run.
  bool stop_requested() const { return steps_->stop_requested(); }

  /// Keeps `state`, of any type that a result may have, until this task is done: should it be interrupted, in
  /// whatever way, its next attempt loads it, in this run or a later one, on any rank. It replaces what was
  /// saved before, whole or not at all. It costs the writing of a file, so once a minute is often enough. A
  /// rank that does not see the directory saves nothing. If the disk fails, the run ends with exit code 74.
  template <class State>
  void save(const State& state) {
    using Kept = detail::KeptAs<State>;
    std::string bytes;
    detail::Codec<std::string>::encode(bytes, detail::schema<Kept>());
    detail::encode<Kept>(bytes, detail::kept<Kept>(state));
    steps_->save(bytes);
  }
  /// What this or an earlier attempt has saved last, also one that has failed; nothing if that was no
  /// `State`, or the argument, its position in the list or `Options::version` have changed since. A task of
  /// an earlier run that goes on from a state is handed out first, however little time is left.
  template <class State>
  std::optional<State> load() {
    const auto bytes = steps_->load();
    if (!bytes) return std::nullopt;
    detail::Reader in(*bytes);
    if (detail::Codec<std::string>::decode(in) != detail::schema<State>()) return std::nullopt;
    return detail::decode<State>(in.left());
  }

 private:
  friend class ContextAccess;
  std::uint64_t index_ = 0;
  std::uint64_t count_ = 0;
  std::uint32_t attempt_ = 1;
  detail::Steps* steps_ = nullptr;
  bool asked_index_ = false;
  bool asked_count_ = false;
};

/// How the library fills a Context and learns what was asked; not for users.
class ContextAccess {
 public:
  static void start(Context& context, detail::Steps& steps, const detail::Step& step) {
    context.index_ = step.index;
    context.count_ = steps.task_count();
    context.attempt_ = step.attempt;
    context.steps_ = &steps;
    context.asked_index_ = context.asked_count_ = false;
  }
  static bool asked_index(const Context& context) noexcept { return context.asked_index_; }
  static bool asked_count(const Context& context) noexcept { return context.asked_count_; }
};

}  // namespace tasker
