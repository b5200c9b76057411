#include "execute/chunk.hpp"

#include <algorithm>
#include <utility>

namespace tasker::execute {

Chunk::Chunk(talk::Assignment assignment, std::string arguments)
    : assignment_(std::move(assignment)),
      arguments_(std::move(arguments)),
      kept_(static_cast<std::uint32_t>(base::count(tasks()))),
      own_state_(State{0, kept_}) {}

Chunk::Chunk(talk::Assignment assignment, std::string arguments, SharedState& state)
    : Chunk(std::move(assignment), std::move(arguments)) {
  state_ = &state;
}

void Chunk::share(SharedState& state) {
  const base::Lock lock(mutex_);
  state_ = &state;
  *state_ = {0, kept_};
}

void Chunk::end_sharing() {
  const base::Lock lock(mutex_);
  own_state_ = State{kept_, kept_};
  state_ = &own_state_;
}

talk::Tried Chunk::tried(std::uint64_t index) const {
  const auto& all = assignment_.tried;
  const auto found = std::ranges::lower_bound(all, index, {}, &talk::Tried::index);
  return found != all.end() && found->index == index ? *found : talk::Tried{index};
}

bool Chunk::start() {
  State state = state_->load(std::memory_order_relaxed);
  do {
    if (state.started >= state.limit) return false;
  } while (!state_->compare_exchange_weak(state, {state.started + 1, state.limit}));
  return true;
}

std::uint64_t Chunk::started() const {
  return std::clamp<std::uint32_t>(state_->load().started, recorded_, kept_);
}

template <class Limit>
std::uint64_t Chunk::lower(Limit limit) {
  const base::Lock lock(mutex_);
  State state = state_->load();
  State lowered{};
  do {
    // A child may have overwritten both numbers.
    const std::uint32_t started = std::clamp<std::uint32_t>(state.started, recorded_, kept_);
    lowered = {started, limit(started)};
  } while (!state_->compare_exchange_weak(state, lowered));
  kept_ = lowered.limit;
  return lowered.limit;
}

std::uint64_t Chunk::take_back() {
  return lower([this](std::uint32_t started) { return started + (kept_ - started) / 2; });
}

void Chunk::revoke() {
  lower([](std::uint32_t started) { return started; });
}

}  // namespace tasker::execute
