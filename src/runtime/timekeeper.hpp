#pragma once

#include "base/caught_signal.hpp"
#include "base/clock.hpp"
#include "cluster/allocation.hpp"
#include "schedule/scheduler.hpp"

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

/// Tells rank 0 when a map must end: when the time is up, or a signal asks for it.
///
/// Tasker keeps a reserve at the end of the time: a twentieth of the whole, but at least 12 seconds, at most
/// a minute, and never more than a fifth. Tasks must have ended when the reserve begins; those that have not
/// are asked to stop. When half of the reserve has gone, Tasker waits for them no longer.
class Timekeeper {
 public:
  /// All arguments must outlive this.
  Timekeeper(const Options& options, cluster::Allocation& allocation, const base::CaughtSignal& drain);

  /// To be called after every event. Returns whether the answers below have changed.
  bool look(Time now);

  /// Nothing if there is no limit.
  std::optional<schedule::TimeFrame> frame() const;
  /// The time until the end of the frame; nanoseconds::max() if there is no limit.
  std::chrono::nanoseconds left(Time now) const;
  /// Whether no more tasks are handed out and those under way are asked to stop.
  bool stopped() const { return stopped_; }
  /// Whether tasks under way are waited for no longer, which is so from `give_up` on.
  bool is_over() const { return is_over_; }
  Time give_up() const;
  /// When `look` is due next, unless the signal comes before.
  Time due() const;
  /// Until when rank 0 may sleep. It wakes now and then, since the limit may change and the hold may get
  /// lost.
  Time wake(Time now) const { return std::min(due(), now + longest_sleep); }
  /// What else wakes rank 0: the signal, as long as it changes anything.
  std::vector<pollfd> watched() const;

  /// "since the time is up in 55 s", "by SIGUSR1".
  std::string reason(Time now) const;

 private:
  static constexpr std::chrono::seconds longest_sleep{2};
  const Options& options_;
  cluster::Allocation& allocation_;
  const base::CaughtSignal& drain_;
  Time begin_ = Clock::now();  // of the map
  std::optional<cluster::TimeLimit> limit_;
  bool stopped_ = false;
  bool is_over_ = false;
};

/// How much of `whole` Tasker keeps for itself.
Clock::duration reserve_of(Clock::duration whole);

/// The time for the tasks of a map that begins at `begin`. `whole` does not count what the program does
/// before its map, since the next allocation will have no more for tasks either. But if most of the time has
/// gone by then, `whole` counts from the begin of the allocation.
schedule::TimeFrame frame_of(const cluster::TimeLimit& limit, Time begin);

}  // namespace tasker::runtime
