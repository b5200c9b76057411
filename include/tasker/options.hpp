#pragma once

#include <tasker/digest.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace tasker {

/// What a finished record survives.
enum class Durability {
  process,  ///< kill -9 of everything: records are with the operating system.
  power,    ///< Loss of power or of the node: records are on the medium (grouped fdatasync).
};

/// What happens when a task fails.
enum class OnFailure {
  finish,  ///< Compute all others, keep the directory, throw `TasksFailed`.
  stop,    ///< Hand out nothing more, keep the directory, throw `TasksFailed`.
  keep,    ///< Compute all others, write an archive with holes and return; a rerun computes the holes.
};

/// What a task that crashes takes along.
enum class Isolation {
  none,     ///< Its rank: tasks are called in the rank's own process. The fastest.
  process,  ///< Itself: tasks are called in children that each rank keeps.
};

/// Of which tasks is kept what they, and the programs that they start, write to stdout and stderr.
enum class Capture {
  none,      ///< Of none: it goes where that of their rank goes.
  failures,  ///< Of those that failed, in whatever way; that of the others is dropped.
  all,       ///< Of all.
};

/// In which order tasks are handed out.
enum class Order {
  as_given,       ///< That of their arguments.
  longest_first,  ///< By how long they are expected to last (`tasker::expected`) or have lasted before.
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
/// Only rank 0's options count. Each has an environment variable that overrides it, `TASKER_SEED=7` for
/// `seed`, except `version`, which belongs to the code. Besides there is `TASKER_DRY_RUN=1`: say what would
/// be reused and computed, and touch nothing (see `Tasker::map`).
struct Options {
  /// Names the state of the code: change it when `fn` would give other results, and all are computed anew.
  std::string version = {};
  /// Digest of what `fn` reads besides its argument: `tasker::digest(k, tasker::file("model.dat"))`.
  Digest inputs = {};
  /// A number that is part of every task's identity: changing it computes all anew. Tasker draws no random
  /// numbers; let `fn` capture the same number and seed its generators with it.
  std::uint64_t seed = 0;
  /// What a finished record survives.
  Durability durability = Durability::process;
  /// What happens when a task fails.
  OnFailure on_failure = OnFailure::finish;
  /// What a task that crashes takes along. Children are forked when the map begins: what `fn` has captured is
  /// there, but threads are not, so a program that has started any (OpenMP, CUDA) is refused. `fn` must not
  /// use MPI, and finds nothing on stdin. A task that ends its process is called once more in a fresh one, as
  /// the same attempt, where tasks before it may have left behind what ended it.
  Isolation isolation = Isolation::none;
  /// How many children each rank that computes keeps, and so how many tasks it computes at a time; 0: one if
  /// `isolation` asks for it, else none. Slots imply isolation. A program that is started without mpirun uses
  /// eight cores with `TASKER_SLOTS=8`.
  std::uint32_t slots = 0;
  /// Rank 0 computes, too, besides scheduling: on a machine of four cores four ranks compute then, not three.
  /// Alone it always does.
  bool root_computes = false;
  /// How often a task that fails is tried again in the same run, at once. A later run tries it afresh, but
  /// not the same Slurm job after a requeue.
  std::uint32_t retries = 0;
  /// How long a task may last; 0: for ever. It is sent SIGTERM then, with all that it has started, and
  /// SIGKILL two seconds later. Implies isolation.
  std::chrono::nanoseconds timeout = {};
  /// How many bytes of memory a task may take besides what its process had at the begin of the map; 0: all
  /// there is. Address space counts. A task that meets the limit is called once more in a fresh process,
  /// since those before it may have leaked, before it fails. Implies isolation.
  std::uint64_t memory_limit = 0;
  /// Of which isolated tasks the output is kept, readable as `results.output(i)`, 64 KiB of each stream: the
  /// begin and the end of more. The summary shows the last lines of failures. Tasks that are not isolated
  /// write where their rank does. A program that goes on after its task has ended writes into a later one's.
  Capture capture = Capture::failures;
  /// How long another host may give no sign of life until its ranks are taken for gone and, under `tasker
  /// launch`, their tasks go to others; in whole seconds. A process that dies is noticed at once. Ranks on
  /// other hosts may outlive rank 0 for so long: a run that takes over from one that has died writes its
  /// archive no sooner than that, and five seconds, after its begin.
  std::chrono::nanoseconds lost_after = std::chrono::seconds(10);
  /// How many ranks may die at one and the same task until it is taken to be the cause, and fails; 0: all.
  std::uint32_t max_lost = 3;
  /// Until when the program may run, by the system's clock; the epoch: until its Slurm job ends, if it is
  /// part of one. Its environment variable holds a local time such as `2027-03-01T18:00`, or the seconds
  /// since 1970.
  ///
  /// Near the end only such tasks are handed out as will end in time. Tasker keeps a twentieth of the time
  /// for itself: 12 seconds at least, a minute at most, and never more than a fifth. Then all ranks throw
  /// `Interrupted`, and the same command goes on with what is left.
  std::chrono::system_clock::time_point deadline = {};
  /// The same as a duration from the start of the program; 0: none. With both, the earlier one counts.
  std::chrono::nanoseconds time_limit = {};
  /// In which order tasks are handed out.
  Order order = Order::as_given;
  /// Keep the arguments in the archive, readable as `results.argument<A>(i)`.
  bool keep_arguments = true;
  /// The directory `filename.mpi` and its files are for whom the umask allows, as the archive is, so that a
  /// group can go on with each other's runs; else they are for their owner only. Counts when the directory is
  /// made.
  bool shared = false;
  /// Keep the directory `filename.mpi` after the archive is written.
  bool keep_directory = false;
  /// Names for the fields of a result that is a tuple, or one name for a plain one; stored for readers.
  std::vector<std::string> columns = {};
  /// How rank 0 reports on stderr.
  Progress progress = Progress::automatic;
};

}  // namespace tasker
