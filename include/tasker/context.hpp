#pragma once

#include <tasker/detail/archive.hpp>
#include <tasker/detail/kept.hpp>
#include <tasker/detail/steps.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace tasker {

namespace detail {
template <class Arg, class Result, class Fn>
void execute(Fn& fn, Steps& steps);
}

/// What a task may ask about itself: take a `Context&` as the last parameter of `fn`.
class Context {
 public:
  /// Position of this task's argument in the list. A task that asks is bound to its position: it is computed
  /// again when a later run has its argument elsewhere.
  std::uint64_t index() noexcept {
    asked_.index = true;
    return index_;
  }
  /// Number of tasks of the map. A task that asks is bound to this number: it is computed again when a later
  /// run has more or fewer tasks.
  std::uint64_t task_count() noexcept {
    asked_.count = true;
    return steps_->task_count();
  }
  /// 1 for the first attempt at this task. Every earlier attempt that is known to have failed, or was given
  /// up when the time was up, counts one more.
  std::uint32_t attempt() const noexcept { return attempt_; }
  /// How long this task may still last before the run must stop (`Options::deadline`). The limit may move,
  /// and the time left may be negative. nanoseconds::max() says that there is no limit.
  std::chrono::nanoseconds time_left() const { return steps_->time_left(); }
  /// Whether the run is about to stop, because its time is up or it got SIGUSR1. A long task may ask now and
  /// then, and throw `tasker::Interrupted`: it has not failed then, and the next run calls it again.
  bool stop_requested() const { return steps_->stop_requested(); }

  /// Saves `state`, of any type that a result may have, until this task is done. If the task is interrupted,
  /// in whatever way, its next attempt can load the state, in this run or a later one, on any rank. A new
  /// state replaces the last one as a whole or not at all.
  ///
  /// Each call writes a file, so once a minute is often enough. A rank that does not see the directory saves
  /// nothing. If the disk fails, the run ends with exit code 74.
  template <class State>
  void save(const State& state) {
    using Kept = detail::KeptAs<State>;
    std::string bytes;
    detail::Codec<std::string>::encode(bytes, detail::schema<Kept>());
    detail::encode<Kept>(bytes, detail::kept<Kept>(state));
    steps_->save(bytes);
  }
  /// The state that this attempt or an earlier one, even a failed one, saved last. Nothing if there is none,
  /// if it is not a `State`, or if the argument, its position in the list or `Options::version` has changed
  /// since. A later run hands out the tasks that have a state first, however little time is left.
  template <class State>
  std::optional<State> load() {
    const auto bytes = steps_->load();
    if (!bytes) return std::nullopt;
    detail::Reader in(*bytes);
    if (detail::Codec<std::string>::decode(in) != detail::schema<State>()) return std::nullopt;
    return detail::decode<State>(in.left());
  }

 private:
  template <class Arg, class Result, class Fn>
  friend void detail::execute(Fn& fn, detail::Steps& steps);
  Context(detail::Steps& steps, const detail::Step& step)
      : index_(step.index), attempt_(step.attempt), steps_(&steps) {}

  std::uint64_t index_;
  std::uint32_t attempt_;
  detail::Steps* steps_;
  detail::Binding asked_;
};

}  // namespace tasker
