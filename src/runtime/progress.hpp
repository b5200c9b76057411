#pragma once

#include "base/clock.hpp"
#include "base/units.hpp"
#include "talk/comm.hpp"
#include "talk/tally.hpp"

#include <tasker/error.hpp>
#include <tasker/options.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace tasker::runtime {

using base::Clock;
using base::Time;

/// Numbers of a map under way.
struct Tally {
  std::uint64_t total = 0;  ///< Tasks to compute in this run.
  std::uint64_t done = 0;   ///< Of them recorded, failed ones included.
  std::uint64_t failed = 0;
  std::size_t idle = 0;  ///< Slots without work, and not only until their next chunk comes.
  std::size_t slots = 0;
};

/// What rank 0 tells on stderr while a map runs.
class Reporter {
 public:
  Reporter(std::string name, Progress progress, Time begin);

  /// A line of its own, behind "tasker: NAME: ".
  void say(const std::string& line);
  /// The progress line, when it is due; on a terminal it is rewritten in place.
  void update(const Tally& tally, Time now);
  /// When the next update is due.
  Time due() const { return due_; }
  /// Takes the progress line away.
  void end();

 private:
  std::string name_;
  Progress progress_;
  Time begin_;
  Time due_;
  Clock::duration pause_;
  bool line_open_ = false;
};

/// "done/total, failed, rate, ETA, idle workers", of `elapsed` time.
std::string progress_text(const Tally& tally, Clock::duration elapsed);

/// "3 h 05 min"; "years" for whatever is beyond one.
std::string remaining_text(std::chrono::duration<double> left);

/// "3 of 7 tasks are left, about 3 h 05 min with 2 workers"; `work`: how long they would keep one busy, if
/// that is known.
std::string left_text(std::uint64_t left, std::uint64_t count,
                      const std::optional<std::chrono::duration<double>>& work, std::uint32_t workers);

/// "1 worker", "3 workers"
std::string count_text(std::uint64_t count, const std::string& noun);

/// The exception that tells of the tasks that failed, in a map of `count` tasks on the path `name`.
TasksFailed tasks_failed(const talk::Tally& tally, const std::string& name, std::uint64_t count,
                         std::uint64_t reused);

using base::duration_text;

}  // namespace tasker::runtime
