#pragma once

#include "base/packed.hpp"
#include "talk/options.hpp"
#include "talk/tally.hpp"
#include "talk/thrown.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

/// What ranks say to each other, packed.
namespace tasker::talk {

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
  made,
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
  Options options;                          ///< Rank 0's: they count.
  std::chrono::nanoseconds time_left = {};  ///< As in TimeLeft.
  auto fields() { return std::tie(directory, run, sequence, job, tasks, options, time_left); }
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

/// Rank 0: compute these tasks. Their arguments follow, in order, each behind its size (u64).
struct Assignment {
  static constexpr Kind kind = Kind::assignment;
  std::uint64_t chunk = 0;
  base::Ranges tasks;
  std::vector<std::pair<std::uint64_t, std::uint32_t>>
      attempts;  ///< (index, attempt) where it is not the first.
  auto fields() { return std::tie(chunk, tasks, attempts); }
};

/// Rank 0: give back unstarted tasks of this chunk.
struct TakeBackRequest {
  static constexpr Kind kind = Kind::take_back;
  std::uint64_t chunk = 0;
  auto fields() { return std::tie(chunk); }
};

/// Worker: I keep the first `kept` tasks of this chunk, the others are not started and never will be. Where
/// the chunk had ended before it was asked for, nobody answers: its report is the answer.
struct Kept {
  static constexpr Kind kind = Kind::kept;
  std::uint64_t chunk = 0;
  std::uint64_t kept = 0;
  auto fields() { return std::tie(chunk, kept); }
};

/// Worker: every task that I kept of this chunk is recorded.
struct Done {
  static constexpr Kind kind = Kind::done;
  std::uint64_t chunk = 0;
  Tally tally;
  auto fields() { return std::tie(chunk, tally); }
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
  Thrown thrown;
  auto fields() { return std::tie(thrown); }
};

/// Rank 0: tasks must have ended by then. Or: give back what is not started, and tell what is that it shall
/// stop.
struct TimeLeft {
  static constexpr Kind kind = Kind::time_left;
  std::chrono::nanoseconds left = {};  ///< nanoseconds::max(): no limit.
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

/// Within rank 0's process: these tasks' arguments can be read from now on.
struct Made {
  static constexpr Kind kind = Kind::made;
  base::Ranges tasks;
  bool more = false;  ///< There are others, whose can't be.
  auto fields() { return std::tie(tasks, more); }
};

/// Rank 0: how the map ended, for all alike.
struct End {
  static constexpr Kind kind = Kind::end;
  Thrown thrown;  ///< What every rank throws, if anything.
  std::uint64_t tasks = 0;
  std::string path = {};      ///< Of the archive, absolute.
  std::uint64_t archive = 0;  ///< Id of the archive.
  auto fields() { return std::tie(thrown, tasks, path, archive); }
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
