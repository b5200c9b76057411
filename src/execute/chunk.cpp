#include "execute/chunk.hpp"

#include <algorithm>
#include <utility>

namespace tasker::execute {

Chunk::Chunk(talk::Assignment assignment, std::string arguments)
    : assignment_(std::move(assignment)),
      arguments_(std::move(arguments)),
      kept_(static_cast<std::uint32_t>(base::count(tasks()))),
      own_claims_(detail::Claims{0, kept_}) {}

Chunk::Chunk(talk::Assignment assignment, std::string arguments, detail::SharedClaims& claims)
    : Chunk(std::move(assignment), std::move(arguments)) {
  claims_ = &claims;
}

void Chunk::share(detail::SharedClaims& claims) {
  const base::Lock lock(mutex_);
  claims_ = &claims;
  *claims_ = {0, kept_};
}

void Chunk::end_sharing() {
  const base::Lock lock(mutex_);
  own_claims_ = detail::Claims{kept_, kept_};
  claims_ = &own_claims_;
}

talk::Tried Chunk::tried(std::uint64_t index) const {
  const auto& all = assignment_.tried;
  const auto found = std::ranges::lower_bound(all, index, {}, &talk::Tried::index);
  return found != all.end() && found->index == index ? *found : talk::Tried{index};
}

std::uint64_t Chunk::started() const {
  return std::clamp<std::uint32_t>(claims_->load().started, recorded_, kept_);
}

template <class Limit>
std::uint64_t Chunk::lower(Limit limit) {
  const base::Lock lock(mutex_);
  detail::Claims claims = claims_->load();
  detail::Claims lowered{};
  do {
    // A child may have overwritten both numbers.
    const std::uint32_t started = std::clamp<std::uint32_t>(claims.started, recorded_, kept_);
    lowered = {started, limit(started)};
  } while (!claims_->compare_exchange_weak(claims, lowered));
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
