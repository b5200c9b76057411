#pragma once

#include <tasker/digest.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace tasker {

/// What a finished record survives.
enum class Durability {
  process,  ///< kill -9 of every process: the operating system has the record.
  power,    ///< Loss of power or of the node: the record is on the medium (grouped fdatasync).
};

/// What happens when a task fails.
enum class OnFailure {
  finish,  ///< Compute all other tasks, keep the directory, throw `TasksFailed`.
  stop,    ///< Hand out no more tasks, keep the directory, throw `TasksFailed`.
  keep,    ///< Compute all other tasks, write an archive with holes and return; a rerun computes the holes.
};

/// What a crashing task takes along with it.
enum class Isolation {
  none,     ///< Its rank: each rank calls tasks in its own process. The fastest.
  process,  ///< Only itself: each rank calls tasks in child processes that it keeps.
};

/// Of which isolated tasks the output is kept: what they and programs that they start write to stdout,
/// stderr.
enum class Capture {
  none,      ///< Of no task: output goes where the rank's own output goes.
  failures,  ///< Of tasks that failed, in whatever way; the output of other tasks is dropped.
  all,       ///< Of all tasks.
};

/// In which order tasks are handed out.
enum class Order {
  as_given,       ///< The order of the arguments.
  longest_first,  ///< Longest first, as `tasker::expected` or earlier runs tell.
};

/// What a run does that finds the directory of its map held by another run.
enum class Joining {
  automatic,  ///< It joins that run, if both do the same map with the same program: they share the work.
  never,      ///< It does nothing, and throws `Interrupted`.
};

/// How rank 0 reports on stderr.
enum class Progress {
  automatic,  ///< `line` on a terminal, `log` elsewhere.
  line,       ///< One line that is rewritten in place.
  log,        ///< Sparse plain lines, for a file.
  off,        ///< Silence, except for errors.
};

/// How a map is done. Plain data; every default is meant for real work.
///
/// Only rank 0's options count. Each option has an environment variable that overrides it, such as
/// `TASKER_SEED=7` for `seed`, except `version`, which belongs to the code. In addition there is
/// `TASKER_DRY_RUN=1`: say what would be reused and computed, and touch nothing (see `Tasker::map`).
struct Options {
  /// Names the state of the code. Change it when `fn` would give other results: all are computed anew then.
  std::string version = {};
  /// Digest of what `fn` reads besides its argument: `tasker::digest(k, tasker::file("model.dat"))`.
  Digest inputs = {};
  /// A number that is part of every task's identity: when it changes, all tasks are computed anew. Tasker
  /// draws no random numbers; let `fn` capture the same number and seed its generators with it.
  std::uint64_t seed = 0;
  Durability durability = Durability::process;
  OnFailure on_failure = OnFailure::finish;
  /// What a crashing task takes along with it. Children are forked when the map begins: what `fn` has
  /// captured is there, but threads are not, so a program that has started threads (OpenMP, CUDA) is refused.
  /// `fn` must not use MPI, and finds nothing on stdin. A task that ends its process is called once more, in
  /// a fresh process and as the same attempt, if earlier tasks may have left behind what ended it.
  Isolation isolation = Isolation::none;
  /// How many children each rank that computes keeps, and so how many tasks it computes at the same time. 0:
  /// one child if `isolation` asks for it, else none. Slots imply isolation. A program that is started
  /// without mpirun uses eight cores with `TASKER_SLOTS=8`.
  std::uint32_t slots = 0;
  /// Rank 0 computes besides scheduling: on a machine with four cores, four ranks then compute, not three. A
  /// rank that is alone always computes.
  bool root_computes = false;
  /// How often the same run tries a failing task again: on another host than those on which it has failed or,
  /// if there is none, at another rank, or else at the same one. A later run gives it fresh attempts, but not
  /// a requeue of the same Slurm job. What fails by `Permanent` is not tried again.
  ///
  /// A rank, or a host with all its ranks, gets no more tasks when three that failed there have succeeded
  /// elsewhere and none has succeeded there since the first of them failed. It gets tasks again when one
  /// succeeds that it had still, or when nobody else is left. Rank 0 says so.
  std::uint32_t retries = 0;
  /// How long a failed task waits before it is tried again; twice as long after each further failure. Other
  /// tasks go on meanwhile.
  std::chrono::nanoseconds retry_after = {};
  /// When so many tasks have failed for good in one run, the map hands out no more and throws `TasksFailed`,
  /// whatever `on_failure` says; what runs is finished. 0: any number may fail.
  std::uint64_t max_failed = 0;
  /// How long a task may last; 0: for ever. After that the task, with all programs that it started, gets
  /// SIGTERM, and SIGKILL two seconds later. Implies isolation.
  std::chrono::nanoseconds timeout = {};
  /// How many bytes of memory a task may take, beyond what its process had when the map began; 0: all there
  /// is. Address space counts. A task that meets the limit is called once more, in a fresh process, before it
  /// fails, since earlier tasks may have leaked. Implies isolation.
  std::uint64_t memory_limit = 0;
  /// Of which isolated tasks the output is kept. `results.output(i)` returns it: up to 64 KiB of each stream,
  /// else its begin and its end. The summary shows the last lines of failures. Tasks that are not isolated
  /// write where their rank does. What a program writes after its task has ended counts as output of a later
  /// task.
  Capture capture = Capture::failures;
  /// How long another host may give no sign of life until its ranks count as gone and, under `tasker launch`,
  /// their tasks go to other ranks; in whole seconds. A process that dies is noticed at once.
  ///
  /// Ranks on other hosts may outlive rank 0 by that time. So a run that takes over from a dead one writes
  /// its archive no sooner than that time and five seconds after its own begin.
  std::chrono::nanoseconds lost_after = std::chrono::seconds(10);
  /// What this run does when another one is at the same map.
  Joining join = Joining::automatic;
  /// Where this run, when it leads, listens for others that want to join. "off": nowhere. "unix": at a socket
  /// in the directory, for runs on the same host. "ADDRESS", an IPv4 address or the name of an interface, or
  /// "ADDRESS:PORT" or "ADDRESS:PORT-PORT": there, too, for runs on other hosts. What they say is encrypted,
  /// and they must prove to have the key that lies in the directory. Empty: for other hosts only if the
  /// directory is on a network file system, or `invite` is set.
  std::string listen = {};
  /// Where to write a ticket when this run leads; empty: nowhere. With it a run that does not see the
  /// directory joins: `TASKER_JOIN=ticket ./myjob`. Who has the ticket can send results, so keep it secret.
  std::string invite = {};
  /// The path of a ticket: this run joins by it, and uses no directory of its own. The results are where the
  /// directory is. The environment variable is TASKER_JOIN.
  std::string ticket = {};
  /// How long this run, when it has joined another one, waits for work while there is none for it. Then it
  /// throws `Left`. Below 0: 5 min; at once for members of a Slurm array and for runs by ticket. A run that
  /// leads never leaves.
  std::chrono::nanoseconds idle_timeout = std::chrono::nanoseconds(-1);
  /// Whether runs may join whose program was built from other code. Results of both are mixed then.
  bool join_other_builds = false;
  /// How long a run that leads others, or has joined another, may give no sign of life although its process
  /// lives: it is frozen. After that another run takes over. At least 5 s.
  std::chrono::nanoseconds lease = std::chrono::minutes(5);
  /// How many ranks may die at the same task before the task counts as the cause and fails; 0: any number.
  /// Only processes count that end in this run while their host lives: not a rank whose host falls silent,
  /// nor two or more ranks of a host whose ranks all end within a second, or of a run that has joined and is
  /// gone as a whole.
  std::uint32_t max_lost = 3;
  /// Until when the program may run, by the system's clock. The epoch: until the end of its Slurm job, if it
  /// is part of one. The environment variable holds a local time such as `2027-03-01T18:00`, or seconds since
  /// 1970.
  ///
  /// Near the end only tasks that will end in time are handed out. Tasker keeps a twentieth of the time for
  /// itself: at least 12 seconds, at most a minute, and never more than a fifth. Then all ranks throw
  /// `Interrupted`, and the same command goes on with what is left.
  std::chrono::system_clock::time_point deadline = {};
  /// The same, as a duration from the start of the program; 0: none. If both are set, the earlier end counts.
  std::chrono::nanoseconds time_limit = {};
  Order order = Order::as_given;
  /// Keep the arguments in the archive, readable as `results.argument<A>(i)`.
  bool keep_arguments = true;
  /// The directory `filename.mpi` and its files are accessible to whom the umask allows, as the archive is,
  /// so that the members of a group can go on with each other's runs. Otherwise they are accessible to their
  /// owner only. Counts when the directory is made.
  bool shared = false;
  /// Keep the directory `filename.mpi` after the archive is written.
  bool keep_directory = false;
  /// Names for the fields of a result that is a tuple, or one name for a plain one; stored for readers.
  std::vector<std::string> columns = {};
  Progress progress = Progress::automatic;
};

}  // namespace tasker
