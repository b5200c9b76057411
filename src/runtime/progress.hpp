#pragma once

#include "base/clock.hpp"
#include "base/units.hpp"
#include "talk/messages.hpp"

#include <tasker/error.hpp>
#include <tasker/options.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace tasker::runtime {

using base::Clock;
using base::Time;

/// What rank 0 tells on stderr while a map runs.
class Reporter {
 public:
  Reporter(std::string name, Progress progress, Time begin);

  /// Writes "tasker: NAME: LINE".
  void say(const std::string& line);
  /// Writes the progress line, when it is due; on a terminal it replaces the one before.
  void update(const talk::Stand& stand);
  /// Whether a person may be reading this.
  bool is_on_terminal() const { return is_on_terminal_; }
  /// When the next progress line is due.
  Time due() const { return due_; }
  /// Removes the progress line from the terminal.
  void end();

 private:
  std::string name_;
  bool is_on_terminal_;
  Progress progress_;
  Time due_;
  Clock::duration pause_;
  bool line_open_ = false;
};

/// "250/1000 done (25 %), 3 failed, 25.0/s, 30.0 s left, 2 of 4 workers idle, 3 runs on 2 hosts"
std::string progress_text(const talk::Stand& stand);

/// "3 h 05 min"; "years" for more than one.
std::string remaining_text(std::chrono::duration<double> left);

/// "3 of 7 tasks are left, about 3 h 05 min with 2 workers"; `work`: how long one worker
/// would compute them, if that is known.
std::string left_text(std::uint64_t left, std::uint64_t count,
                      const std::optional<std::chrono::duration<double>>& work, std::uint32_t workers);

/// "1 worker", "3 workers"
std::string count_text(std::uint64_t count, const std::string& noun);

/// The exception for a map of `count` tasks on the path `name` of which some have failed. `stop`: what to
/// add if it has stopped for that.
TasksFailed tasks_failed(const talk::Tally& tally, const std::string& name, std::uint64_t count,
                         std::uint64_t reused, const std::string& stop = {});

using base::duration_text;

}  // namespace tasker::runtime
