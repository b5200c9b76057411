#pragma once

#include "base/caught_signal.hpp"
#include "base/clock.hpp"
#include "cluster/allocation.hpp"
#include "schedule/scheduler.hpp"
#include "talk/comm.hpp"

#include <tasker/options.hpp>

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tasker::runtime {

using base::Clock;
using base::Time;

/// When a map must end, for rank 0: the time is up, or a signal tells.
///
/// Of the time there is, Tasker keeps a twentieth for itself, but 12 seconds at least and a minute at most,
/// and never more than a fifth: tasks must have ended by then, and those that have not are asked to stop.
/// When half of it has gone, they are waited for no longer.
class Timekeeper {
 public:
  /// All of them must outlive this.
  Timekeeper(const Options& options, cluster::Allocation& allocation, const base::CaughtSignal& drain);

  /// To be called after every event. Returns whether what follows has changed.
  bool look(Time now);

  /// Nothing where there is no limit.
  const std::optional<schedule::TimeFrame>& frame() const { return frame_; }
  /// Until the end of the frame; nanoseconds::max() where there is no limit.
  std::chrono::nanoseconds left(Time now) const;
  /// Nothing is handed out any more, and what runs is asked to stop.
  bool stopped() const { return stopped_; }
  /// What still runs is waited for no longer: from `give_up` on.
  bool is_over() const { return is_over_; }
  Time give_up() const { return give_up_; }
  /// When `look` is due next; besides, when `signal` has come.
  Time due() const;
  const base::CaughtSignal& signal() const { return drain_; }
  /// Until when rank 0 may sleep: the time that there is may change, the hold may get lost, progress is due.
  Time wake(Time now) const { return std::min(due(), now + longest_sleep); }
  /// What wakes it besides: the signal, as long as that matters.
  std::vector<pollfd> watched() const;

  /// "since the time is up in 55 s", "by SIGUSR1".
  std::string reason(Time now) const;

 private:
  static constexpr std::chrono::seconds longest_sleep{2};
  std::optional<cluster::TimeLimit> limit(Time now) const;
  const Options& options_;
  cluster::Allocation& allocation_;
  const base::CaughtSignal& drain_;
  Time begin_ = Clock::now();  // of the map
  std::optional<cluster::TimeLimit> limit_;
  std::optional<schedule::TimeFrame> frame_;
  Time give_up_ = Time::max();
  bool stopped_ = false;
  bool is_over_ = false;
};

/// How much of `whole` Tasker keeps for itself.
Clock::duration reserve_of(Clock::duration whole);

/// What is left of it for the tasks of a map that begins then. A program may need a while before it comes to
/// its map, but that is not the end of an allocation: what such a one has is counted from there, unless most
/// of it has gone.
schedule::TimeFrame frame_of(const cluster::TimeLimit& limit, Time begin);

}  // namespace tasker::runtime
