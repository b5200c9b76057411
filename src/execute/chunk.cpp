#include "execute/chunk.hpp"

namespace tasker::execute {

Chunk::Chunk(std::uint64_t id, base::Ranges tasks,
             std::vector<std::pair<std::uint64_t, std::uint32_t>> attempts, std::string arguments)
    : id_(id),
      tasks_(std::move(tasks)),
      attempts_(std::move(attempts)),
      arguments_(std::move(arguments)),
      own_state_(State{0, static_cast<std::uint32_t>(base::count(tasks_))}) {}

Chunk::Chunk(base::Ranges tasks, std::vector<std::pair<std::uint64_t, std::uint32_t>> attempts,
             std::string arguments, SharedState& state)
    : Chunk(0, std::move(tasks), std::move(attempts), std::move(arguments)) {
  state_ = &state;
}

void Chunk::share(SharedState& state) {
  state = state_->load();
  state_ = &state;
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
  do lowered = {state.started, limit(state)};
  while (!state_->compare_exchange_weak(state, lowered));
  return lowered.limit;
}

std::uint64_t Chunk::take_back() {
  return lower([](const State& state) { return state.started + (state.limit - state.started) / 2; });
}

void Chunk::revoke() {
  lower([](const State& state) { return state.started; });
}

}  // namespace tasker::execute
