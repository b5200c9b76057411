#include "runtime/timekeeper.hpp"

#include "base/units.hpp"

#include <algorithm>
#include <tuple>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// When the program was loaded: a time limit counts from here.
const Time loaded = Clock::now();
/// A longer time is no limit, and might overflow.
constexpr std::chrono::hours forever{24 * 36500};

bool sets_limit(const Options& options) {
  return options.time_limit > 0ns || options.deadline != std::chrono::system_clock::time_point();
}

/// The limit that the options set; nothing if they set none.
std::optional<cluster::TimeLimit> limit_of(const Options& options, Time now) {
  std::optional<cluster::TimeLimit> limit;
  if (options.time_limit > 0ns && options.time_limit < forever)
    limit = {loaded + options.time_limit, options.time_limit};
  if (options.deadline != std::chrono::system_clock::time_point()) {
    const auto left = options.deadline - std::chrono::system_clock::now();
    const Time end = now + std::min<std::chrono::nanoseconds>(left, forever);
    if (!limit || end < limit->end) limit = {end, end - loaded};
  }
  return limit;
}

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
    : options_(options), allocation_(allocation), drain_(drain), limit_(limit_of(options, begin_)) {
  look(begin_);
}

bool Timekeeper::look(Time now) {
  const std::tuple before(limit_, stopped_, is_over_);
  if (!sets_limit(options_)) {
    allocation_.look(now);
    limit_ = allocation_.limit();
  }
  const auto time = frame();
  stopped_ = stopped_ || drain_.came() || (time && now >= time->end);
  is_over_ = now >= give_up();
  return before != std::tuple(limit_, stopped_, is_over_);
}

std::optional<schedule::TimeFrame> Timekeeper::frame() const {
  return limit_ ? std::optional(frame_of(*limit_, begin_)) : std::nullopt;
}

Time Timekeeper::give_up() const {
  return limit_ ? limit_->end - reserve_of(limit_->whole) / 2 : Time::max();
}

std::chrono::nanoseconds Timekeeper::left(Time now) const {
  return limit_ ? frame()->end - now : std::chrono::nanoseconds::max();
}

Time Timekeeper::due() const {
  if (!limit_ || is_over_) return Time::max();
  return stopped_ ? give_up() : frame()->end;
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
