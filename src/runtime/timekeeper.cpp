#include "runtime/timekeeper.hpp"

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

schedule::TimeFrame frame_of(const cluster::TimeLimit& limit, Time begin) {
  const Clock::duration reserve = reserve_of(limit.whole);
  const Time end = limit.end - reserve;
  const Clock::duration whole = limit.whole - reserve;
  const Clock::duration left = end - begin;
  return {end, left < whole && left >= whole / 2 ? left : whole};
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
      changed = limit_.has_value();
    }
  } else {
    allocation_.look(now);
    changed = limit_ != allocation_.limit();
    limit_ = allocation_.limit();
  }
  if (changed) {
    frame_.reset();
    give_up_ = Time::max();
    if (limit_) {
      frame_ = frame_of(*limit_, begin_);
      give_up_ = limit_->end - reserve_of(limit_->whole) / 2;
    }
  }
  stopped_ = stopped_ || drain_.came() || (frame_ && now >= frame_->end);
  is_over_ = now >= give_up_;
  return changed || stopped_ != were_stopped || is_over_ != was_over;
}

std::chrono::nanoseconds Timekeeper::left(Time now) const {
  return frame_ ? frame_->end - now : std::chrono::nanoseconds::max();
}

Time Timekeeper::due() const {
  if (!frame_ || is_over_) return Time::max();
  return stopped_ ? give_up_ : frame_->end;
}

std::vector<pollfd> Timekeeper::watched() const {
  if (stopped_) return {};
  return {{drain_.fd(), POLLIN, 0}};
}

std::string Timekeeper::reason(Time now) const {
  if (drain_.came()) return "by SIGUSR1";
  return limit_ && limit_->end > now ? "since its time is up in " + base::duration_text(limit_->end - now)
                                     : "since its time is up";
}

}  // namespace tasker::runtime
