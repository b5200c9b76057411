#pragma once

#include "base/intervals.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tasker::execute {

/// Tasks that were handed out together. Two threads may use it: the one that executes starts tasks, the one
/// that talks takes back those that are not started.
class Chunk {
 public:
  Chunk(std::uint64_t id, base::Ranges tasks, std::vector<std::pair<std::uint64_t, std::uint32_t>> attempts,
        std::string arguments);

  // Both in one word, so that a start and a take-back can't both win.
  struct State {
    std::uint32_t started;
    std::uint32_t limit;
  };
  using SharedState = std::atomic<State>;
  static_assert(SharedState::is_always_lock_free);  // else processes could not share it

  /// The same tasks, or the last of them, in the process that executes them: `state` is the other one's.
  Chunk(base::Ranges tasks, std::vector<std::pair<std::uint64_t, std::uint32_t>> attempts,
        std::string arguments, SharedState& state);
  /// From now on `state` counts, in memory that another process sees, too, and may write nonsense to. While
  /// no other thread uses the chunk.
  void share(SharedState& state);
  /// What is shared goes: nothing more is started, whoever asks.
  void end_sharing();
  /// So many of the first tasks were started for certain, whatever a shared state says.
  void set_started(std::uint64_t count) { certain_ = static_cast<std::uint32_t>(count); }
  /// Makes a shared state what it must be where nothing is under way but what is certain.
  void repair() { *state_ = {certain_, kept_}; }

  std::uint64_t id() const { return id_; }
  const base::Ranges& tasks() const { return tasks_; }
  /// (index, attempt) of the tasks that were tried before, in ascending order.
  const std::vector<std::pair<std::uint64_t, std::uint32_t>>& attempts() const { return attempts_; }
  /// The arguments in order, each behind its size (u64).
  const std::string& arguments() const { return arguments_; }

  /// Starts the next task: false if none is left. A task that was started can't be taken back.
  bool start();
  /// Takes back half of what is not started, rounded up; returns how many of the first tasks are kept.
  std::uint64_t take_back();
  /// Takes back all that is not started.
  void revoke();
  /// How many of the tasks are kept, for the thread that takes back.
  std::uint64_t kept() const { return kept_; }
  /// How many of these were started.
  std::uint64_t started() const { return state_->load().started; }

 private:
  template <class Limit>
  std::uint64_t lower(Limit limit);

  std::uint64_t id_;
  base::Ranges tasks_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> attempts_;
  std::string arguments_;
  std::uint32_t certain_ = 0;
  std::uint32_t kept_;
  SharedState own_state_;
  SharedState* state_ = &own_state_;
};

}  // namespace tasker::execute
