#pragma once

#include "base/packed.hpp"
#include "talk/tally.hpp"
#include "talk/thrown.hpp"

#include <tasker/digest.hpp>
#include <tasker/options.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What ranks say to each other, packed.
namespace tasker::talk {

/// Worker: I have called map. Rank 0 compares it with what it has called itself.
struct Enter {
  std::uint64_t sequence = 0;  ///< Number of this map in the program.
  std::string path;
  std::string argument_type;
  std::string result_type;
};

/// Rank 0: the map begins.
struct Start {
  std::string directory;
  std::string leader;     ///< Id of the run that holds the directory. A worker that finds its fence sees the
                          ///< directory.
  std::string run;        ///< Id of the worker's own run: its journal bears that name.
  std::int32_t rank = 0;  ///< Of the worker, in its own run.
  std::uint32_t sequence = 0;  ///< Number of the leader's run in the directory.
  std::string job;             ///< The scheduler's job of the worker's run.
  std::uint64_t tasks = 0;
  Options options;                          ///< Rank 0's: they count.
  std::chrono::nanoseconds time_left = {};  ///< As in TimeLeft.
};

/// Started tasks of a chunk that has not ended.
struct InHand {
  std::uint64_t chunk = 0;
  base::Ranges tasks;
};

/// Worker: ready for work, and who I am. Said anew to each leader.
struct Ready {
  std::string leader;          ///< Whose Start this answers.
  std::uint32_t sequence = 0;  ///< In the name of my journal.
  bool sees_directory = true;
  std::string host;
  std::string build;
  std::uint32_t cpus = 1;
  std::uint32_t slots = 1;  ///< How many chunks I execute at a time.
  /// What I have started for an earlier leader, and am at. Tasks that I had not started are given back.
  std::vector<InHand> in_hand = {};
};

/// A task that was tried before.
struct Tried {
  std::uint64_t index = 0;
  std::uint32_t attempt = 1;  ///< Number of the attempt that comes next.
  std::uint32_t failed = 0;   ///< Attempts that have failed in this run: Options::retries bounds them.
  bool operator==(const Tried&) const = default;
};

/// Rank 0: compute these tasks. Their arguments follow, in order, for MapCall::take_argument.
struct Assignment {
  std::uint64_t chunk = 0;
  base::Ranges tasks;
  std::vector<Tried> tried = {};  ///< Those that were, in ascending order.
  bool suspect = false;           ///< The only task may end the process that executes it.
};

/// Rank 0: give back unstarted tasks of this chunk.
struct TakeBackRequest {
  std::uint64_t chunk = 0;
};

/// Worker: I keep the first `kept` tasks of this chunk; I have not started the others, and never will. If the
/// chunk had ended before the request arrived, there is no such answer: Done has said it all.
struct Kept {
  std::uint64_t chunk = 0;
  std::uint64_t kept = 0;
};

/// Tasks of a chunk that are to be handed out again.
struct Leftover {
  /// Not executed to their end, since the worker must stop or a slot's child has crashed. May include tasks
  /// that were taken back.
  base::Ranges tasks = {};
  /// Those of all these that may have caused the crash: each is to be executed alone.
  base::Ranges suspects = {};
  /// Other tasks: an attempt at each has failed and is recorded. They are to be tried again.
  base::Ranges failed = {};
};

/// Worker: the chunk has ended; every task that I kept is recorded, but for those left over.
struct Done {
  std::uint64_t chunk = 0;
  Tally tally;
  Leftover left = {};
};

/// Worker that does not see the directory: a frame for rank 0 to write. The frame follows.
struct Records {
  bool again = false;  ///< An earlier leader was sent it, but has not said that it is written.
};

/// Rank 0: that frame is written.
struct Recorded {
  std::uint64_t bytes = 0;
};

/// Worker: I can't go on (the disk is full, say).
struct Trouble {
  Thrown thrown;
};

/// Rank 0: tasks must have ended when `left` has passed. With `stop`: give back the tasks that are not
/// started, and tell those that are to stop.
struct TimeLeft {
  std::chrono::nanoseconds left = {};  ///< nanoseconds::max(): no limit.
  bool stop = false;
};

/// Rank 0: there is no more work; close your journal.
struct Finish {};

/// Worker: my journal is closed.
struct Closed {};

/// Within rank 0's process: the arguments of these tasks can be read from now on.
struct Made {
  base::Ranges tasks;
  bool more = false;  ///< The arguments of other tasks can't be read yet.
};

/// Rank 0: how the map ended, for all alike.
struct End {
  Thrown thrown;  ///< What every rank throws, if anything.
  std::uint64_t tasks = 0;
  std::string path = {};      ///< Of the archive, absolute.
  std::uint64_t archive = 0;  ///< Id of the archive.
};

/// A run, to the run that leads: I want to join. What is said of the map must be the same on both sides.
struct Join {
  std::string run;  ///< My id: the journals of my ranks bear it.
  std::string host;
  std::string boot;  ///< This and the two below: as in base::ProcessId.
  std::int64_t pid = 0;
  std::uint64_t started = 0;
  std::string job;                  ///< The scheduler's job.
  std::vector<std::int32_t> ranks;  ///< Those that compute, in ascending order.
  std::uint32_t slots = 0;          ///< Of each of them, as in Options.
  Isolation isolation = Isolation::none;
  std::chrono::nanoseconds time_left = {};   ///< As in TimeLeft.
  std::chrono::nanoseconds time_whole = {};  ///< How long my allocation is for tasks, if there is a limit.
  /// How long my ranks may go on writing when my rank 0 has died.
  std::chrono::milliseconds ghosts{0};
  bool resumes = false;  ///< My ranks are at work for an earlier leader.
  std::string build;
  std::string argument_type;
  std::string result_type;
  std::string digest;  ///< Of what the map declares.
  std::uint64_t tasks = 0;
  Digest arguments;  ///< Of all arguments.
  /// Where I listen for runs of other hosts, should I take the lead; such as "10.1.2.3:4711".
  std::vector<std::string> addresses = {};
};

/// The leader: you are one of us. The map begins for each of your ranks that computes.
struct Welcome {
  std::string user;  ///< Whose run it is.
  std::string host;
  std::uint64_t done = 0;     ///< How many tasks are done.
  std::uint64_t workers = 0;  ///< As messages to users count them, without yours.
};

/// The leader: you can't join.
struct Refused {
  std::string why;
};

/// The leader, to a run that has joined: how far the map is. Said now and then, as a sign of life.
struct Stand {
  std::uint64_t tasks = 0;  ///< To compute in the leader's run.
  std::uint64_t done = 0;   ///< Of them.
  std::uint64_t failed = 0;
  std::uint64_t idle = 0;     ///< Workers without work.
  std::uint64_t workers = 0;  ///< Of all runs, as messages to users count them.
  std::uint64_t ranks = 0;    ///< That compute, of all runs.
  std::uint64_t runs = 1;
  std::uint64_t hosts = 1;
  std::chrono::nanoseconds elapsed = {};  ///< Since the leader's run began.
  bool is_idle = false;                   ///< You have nothing in hand, and there is nothing to hand out.
  bool is_ending = false;  ///< All is recorded: there is no further sign of life before the end.
  std::vector<std::string> addresses = {};  ///< Where those listen who may lead after me.
};

/// To a run that leads, by a command: let runs of other hosts join, too.
struct Invite {};

/// The answer: where they can join; if they can't, why.
struct Invited {
  std::vector<std::string> addresses = {};
  std::string why = {};
};

/// Any rank: I leave the Tasker, with this exit code and, if an exception is the reason, its message.
struct Leave {
  std::int32_t exit_code = 0;
  std::string message;
  bool lost_ranks = false;  ///< From rank 0: some ranks are gone, and can't leave.
};

/// All of them.
base::Kinds<Enter, Start, Ready, Assignment, TakeBackRequest, Kept, Done, Records, Recorded, Trouble,
            TimeLeft, Finish, Closed, Made, End, Join, Welcome, Refused, Stand, Invite, Invited, Leave>
kinds_of(const auto& message);

using base::kind;
using base::pack;
using base::unpack;
using base::unpack_front;

/// The kind of the message that `bytes` is; nothing for other bytes.
inline std::optional<std::uint8_t> kind_of(std::string_view bytes) {
  if (bytes.empty() || static_cast<std::uint8_t>(bytes[0]) > kind<Leave>) return std::nullopt;
  return static_cast<std::uint8_t>(bytes[0]);
}

}  // namespace tasker::talk
