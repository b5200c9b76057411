#include "store/pulse.hpp"

#include "store/hold.hpp"
#include "store/paths.hpp"

#include <algorithm>
#include <utility>

namespace tasker::store {

using namespace std::chrono_literals;

Pulse::Pulse(const std::filesystem::path& directory, std::string run, std::chrono::nanoseconds lease)
    : holder_(holder_path(fence_path(directory, run))),
      run_(std::move(run)),
      lease_(lease),
      pause_(std::min<std::chrono::nanoseconds>(lease / 4, 2s)),
      looked_(base::Clock::now()),
      changed_(looked_) {}

bool Pulse::is_frozen(base::Time now) {
  if (now < due()) return false;
  if (now - looked_ > 4 * pause_) changed_ = now;
  looked_ = now;
  const auto seen = read_holder(holder_);
  const auto beats = seen ? std::optional(seen->beats) : std::nullopt;
  if (std::exchange(beats_, beats) != beats) changed_ = now;
  return now - changed_ >= lease_;
}

}  // namespace tasker::store
