#pragma once

#include "base/packed.hpp"

#include <tasker/options.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

/// What ranks say to each other, packed.
namespace tasker::talk {

/// (first task, number of tasks, cause, last lines of the first one's output)
using FailureGroup = std::tuple<std::uint64_t, std::uint64_t, std::string, std::string>;

enum class Kind : std::uint8_t {
  enter,
  start,
  ready,
  assignment,
  take_back,
  kept,
  done,
  records,
  recorded,
  trouble,
  time_left,
  finish,
  closed,
  end,
  leave
};

/// Worker: I have called map. Rank 0 compares it with what it has called itself.
struct Enter {
  static constexpr Kind kind = Kind::enter;
  std::uint64_t sequence = 0;  ///< Number of this map in the program.
  std::string path;
  std::string argument_type;
  std::string result_type;
  auto fields() { return std::tie(sequence, path, argument_type, result_type); }
};

/// Rank 0: the map begins.
struct Start {
  static constexpr Kind kind = Kind::start;
  std::string directory;
  std::string run;             ///< Id of the run; a worker that finds it in the hold sees the directory.
  std::uint32_t sequence = 0;  ///< Number of the run in the directory.
  std::string job;             ///< The scheduler's job.
  std::uint64_t tasks = 0;
  std::string version;  ///< What the fingerprint needs.
  std::uint64_t inputs_low = 0;
  std::uint64_t inputs_high = 0;
  std::uint64_t seed = 0;
  bool keep_arguments = true;
  bool power = false;  ///< Durability::power
  std::vector<std::string> columns;
  std::uint32_t slots = 0;  ///< Children to keep; 0: tasks are not isolated.
  std::uint32_t retries = 0;
  std::int64_t timeout = 0;  ///< ns; 0: none.
  std::uint64_t memory_limit = 0;
  Capture capture = Capture::failures;
  std::int64_t lost_after = 0;  ///< ns
  std::int64_t time_left = 0;   ///< As in TimeLeft.
  auto fields() {
    return std::tie(directory, run, sequence, job, tasks, version, inputs_low, inputs_high, seed,
                    keep_arguments, power, columns, slots, retries, timeout, memory_limit, capture,
                    lost_after, time_left);
  }
};

/// Worker: ready for work, and who I am.
struct Ready {
  static constexpr Kind kind = Kind::ready;
  bool sees_directory = true;
  std::string host;
  std::string build;
  std::uint32_t cpus = 1;
  std::uint32_t slots = 1;  ///< How many chunks I execute at a time.
  auto fields() { return std::tie(sees_directory, host, build, cpus, slots); }
};

/// Rank 0: compute these tasks.
struct Assignment {
  static constexpr Kind kind = Kind::assignment;
  std::uint64_t chunk = 0;
  base::Ranges tasks;
  std::vector<std::pair<std::uint64_t, std::uint32_t>>
      attempts;           ///< (index, attempt) where it is not the first.
  std::string arguments;  ///< Each behind its size (u64), in order.
  auto fields() { return std::tie(chunk, tasks, attempts, arguments); }
};

/// Rank 0: give back unstarted tasks of this chunk.
struct TakeBackRequest {
  static constexpr Kind kind = Kind::take_back;
  std::uint64_t chunk = 0;
  auto fields() { return std::tie(chunk); }
};

/// Worker: I keep the first `kept` tasks of this chunk, the others are not started and never will be.
struct Kept {
  static constexpr Kind kind = Kind::kept;
  std::uint64_t chunk = 0;
  std::uint64_t kept = 0;
  bool known = true;  ///< False if the chunk had ended before the request came.
  auto fields() { return std::tie(chunk, kept, known); }
};

/// Worker: every task that I kept of this chunk is recorded.
struct Done {
  static constexpr Kind kind = Kind::done;
  std::uint64_t chunk = 0;
  std::uint64_t tasks = 0;
  std::int64_t busy = 0;  ///< ns
  std::uint64_t failed = 0;
  std::vector<FailureGroup> failures;  ///< As execute::Failures keeps them.
  auto fields() { return std::tie(chunk, tasks, busy, failed, failures); }
};

/// Worker that does not see the directory: a frame for rank 0 to write. The frame follows.
struct Records {
  static constexpr Kind kind = Kind::records;
  auto fields() { return std::tie(); }
};

/// Rank 0: that frame is written.
struct Recorded {
  static constexpr Kind kind = Kind::recorded;
  std::uint64_t bytes = 0;
  auto fields() { return std::tie(bytes); }
};

/// Worker: I can't go on (the disk is full, say).
struct Trouble {
  static constexpr Kind kind = Kind::trouble;
  std::int32_t exit_code = 1;
  std::string message;
  auto fields() { return std::tie(exit_code, message); }
};

/// Rank 0: tasks must have ended by then. Or: give back what is not started, and tell what is that it shall
/// stop.
struct TimeLeft {
  static constexpr Kind kind = Kind::time_left;
  std::int64_t left = 0;  ///< ns; the highest number: no limit.
  bool stop = false;
  auto fields() { return std::tie(left, stop); }
};

/// Rank 0: there is no more work; close your journal.
struct Finish {
  static constexpr Kind kind = Kind::finish;
  auto fields() { return std::tie(); }
};

/// Worker: my journal is closed.
struct Closed {
  static constexpr Kind kind = Kind::closed;
  auto fields() { return std::tie(); }
};

/// Rank 0: how the map ended, for all alike.
struct End {
  static constexpr Kind kind = Kind::end;
  std::string type;  ///< Empty: all is well; else which exception to throw.
  std::int32_t exit_code = 0;
  std::string message;
  std::uint64_t failed = 0;
  std::vector<FailureGroup> failures;
  std::uint64_t tasks = 0;
  std::string path;           ///< Of the archive, absolute.
  std::uint64_t archive = 0;  ///< Id of the archive.
  auto fields() { return std::tie(type, exit_code, message, failed, failures, tasks, path, archive); }
};

/// Any rank: I leave the Tasker, with this exit code and, if an exception drives me, its message.
struct Leave {
  static constexpr Kind kind = Kind::leave;
  std::int32_t exit_code = 0;
  std::string message;
  bool lost_ranks = false;  ///< From rank 0: not all can leave, for some are gone.
  auto fields() { return std::tie(exit_code, message, lost_ranks); }
};

using base::pack;
using base::unpack;
using base::unpack_front;

/// Which message these bytes are; nothing if none.
std::optional<Kind> kind_of(std::string_view bytes);

}  // namespace tasker::talk
