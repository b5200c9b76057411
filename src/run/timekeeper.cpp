#include "run/timekeeper.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {
/// As soon as the program is loaded: from here counts a limit on its time.
const Time loaded = Clock::now();
/// What is longer is no limit, and might not fit.
constexpr std::chrono::hours forever{24 * 36500};
}  // namespace

Clock::duration reserve_of(Clock::duration whole) {
  return std::min<Clock::duration>({whole / 5, std::max<Clock::duration>(whole / 20, 12s), 1min});
}

Timekeeper::Timekeeper(const Options& options, cluster::Allocation& allocation,
                       const base::CaughtSignal& drain)
    : options_(options), allocation_(allocation), drain_(drain) {
  look(Clock::now());
}

std::optional<cluster::TimeLimit> Timekeeper::limit(Time now) const {
  std::optional<cluster::TimeLimit> limit;
  if (options_.time_limit > 0ns && options_.time_limit < forever)
    limit = {loaded + options_.time_limit, options_.time_limit};
  if (options_.deadline != std::chrono::system_clock::time_point()) {
    const auto left = options_.deadline - std::chrono::system_clock::now();
    const Time end = now + std::min<std::chrono::nanoseconds>(left, forever);
    if (!limit || end < limit->end) limit = {end, end - loaded};
  }
  return limit;
}

bool Timekeeper::look(Time now) {
  const bool were_stopped = stopped_;
  const bool was_over = is_over_;
  bool changed = false;
  if (options_.time_limit > 0ns || options_.deadline != std::chrono::system_clock::time_point()) {
    if (!limit_) {
      limit_ = limit(now);
      changed = true;
    }
  } else if (allocation_.look(now) || limit_ != allocation_.limit()) {
    limit_ = allocation_.limit();
    changed = true;
  }
  if (changed) {
    frame_.reset();
    give_up_ = Time::max();
    if (limit_) {
      const Clock::duration reserve = reserve_of(limit_->whole);
      const Time end = limit_->end - reserve;
      // A program may need a while before it comes to its map, but this is not the end of an allocation.
      const Clock::duration whole = limit_->whole - reserve;
      const Clock::duration left = end - begin_;
      frame_ = {end, left < whole && left >= whole / 2 ? left : whole};
      give_up_ = limit_->end - reserve / 2;
    }
  }
  stopped_ = stopped_ || drain_.came() || (frame_ && now >= frame_->end);
  is_over_ = now >= give_up_;
  return changed || stopped_ != were_stopped || is_over_ != was_over;
}

Time Timekeeper::due() const {
  if (!frame_ || is_over_) return Time::max();
  return stopped_ ? give_up_ : frame_->end;
}

std::string Timekeeper::reason(Time now) const {
  if (drain_.came()) return "by SIGUSR1";
  if (!limit_) return "";
  return limit_->end > now ? "since its time is up in " + base::duration_text(limit_->end - now)
                           : "since its time is up";
}

}  // namespace tasker::runtime
