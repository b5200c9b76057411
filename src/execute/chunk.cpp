#include "execute/chunk.hpp"

#include <algorithm>

namespace tasker::execute {

Chunk::Chunk(std::uint64_t id, base::Ranges tasks,
             std::vector<std::pair<std::uint64_t, std::uint32_t>> attempts, std::string arguments)
    : id_(id),
      tasks_(std::move(tasks)),
      attempts_(std::move(attempts)),
      arguments_(std::move(arguments)),
      kept_(static_cast<std::uint32_t>(base::count(tasks_))),
      own_state_(State{0, kept_}) {}

Chunk::Chunk(base::Ranges tasks, std::vector<std::pair<std::uint64_t, std::uint32_t>> attempts,
             std::string arguments, SharedState& state)
    : Chunk(0, std::move(tasks), std::move(attempts), std::move(arguments)) {
  state_ = &state;
}

void Chunk::share(SharedState& state) {
  state_ = &state;
  repair();
}

void Chunk::end_sharing() {
  own_state_ = State{kept_, kept_};
  state_ = &own_state_;
}

bool Chunk::start() {
  State state = state_->load(std::memory_order_relaxed);
  do {
    if (state.started >= state.limit) return false;
  } while (!state_->compare_exchange_weak(state, {state.started + 1, state.limit}));
  return true;
}

template <class Limit>
std::uint64_t Chunk::lower(Limit limit) {
  State state = state_->load();
  State lowered{};
  do {
    // Only `started` can have changed since, and only so far.
    const std::uint32_t started = std::clamp(state.started, certain_, kept_);
    lowered = {started, limit(started)};
  } while (!state_->compare_exchange_weak(state, lowered));
  return kept_ = lowered.limit;
}

std::uint64_t Chunk::take_back() {
  return lower([this](std::uint32_t started) { return started + (kept_ - started) / 2; });
}

void Chunk::revoke() {
  lower([](std::uint32_t started) { return started; });
}

}  // namespace tasker::execute
