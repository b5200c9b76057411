#pragma once

#include <tasker/context.hpp>
#include <tasker/detail/make_call.hpp>
#include <tasker/digest.hpp>
#include <tasker/error.hpp>
#include <tasker/expected.hpp>
#include <tasker/inputs.hpp>
#include <tasker/options.hpp>
#include <tasker/results.hpp>

#include <boost/serialization/array.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/shared_ptr.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/unique_ptr.hpp>
#include <boost/serialization/utility.hpp>
#include <boost/serialization/vector.hpp>

#include <functional>
#include <memory>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace tasker {

/// A communicator to work on; see tasker/mpi.hpp.
struct Communicator;

class Tasker;

/// The body of main: starts MPI, builds the Tasker, calls `body`, turns an exception into one message on
/// stderr and an exit code (see ExitCode), the same on all ranks. Leaves argc and argv alone. Once per
/// process, since MPI that was ended can't be started again.
///
/// A DryRun is no failure: its message goes to stdout, and the exit code is 0. A rank that ends with an error
/// waits for the others as `~Tasker` does.
int run(int argc, char** argv, const std::function<void(Tasker&)>& body);

/// A group of ranks that computes maps: rank 0 schedules, the others call `fn`; alone, it does both.
///
///     return tasker::run(argc, argv, [&](tasker::Tasker& tasker) {
///       auto squares = tasker.map("squares.dat", [](double x) { return x * x; }, xs);
///       if (tasker.is_root()) std::cout << squares[3] << '\n';
///     });
///
/// Every rank must call the same maps in the same order. Construction and destruction are collective.
class Tasker {
 public:
  /// All ranks that mpirun or srun started; this process alone if there was no such launcher. Initialises MPI
  /// if that is needed and not yet done. Throws UsageError if MPI was initialised below
  /// MPI_THREAD_SERIALIZED, or if a launcher started many processes that can't see each other.
  Tasker();
  /// On the ranks of `communicator` only (tasker/mpi.hpp). MPI must be initialised.
  explicit Tasker(const Communicator& communicator);
  /// Waits, asleep, until all ranks are done with their Tasker; if an exception drives it, tells them that
  /// this rank leaves, so that they throw instead of waiting. Then it waits for about 5 seconds only: if some
  /// ranks are still busy (in a long task, or in code of their own), it ends the whole job with MPI_Abort.
  ~Tasker();
  Tasker(Tasker&&) noexcept;
  Tasker& operator=(Tasker&&) = delete;

  int rank() const;
  int size() const;
  bool is_root() const { return rank() == 0; }
  /// How many ranks call `fn`.
  int worker_count() const;
  /// How many hosts the ranks are on.
  int node_count() const;

  /// Calls `fn` for every element of `args`; results are in the archive `path` and returned in the order of
  /// `args`. What an earlier, even a killed, run has computed of them is reused. Collective.
  ///
  /// `args`: a sized random-access range, lazy views included; only rank 0's elements are read, other ranks
  /// may pass an empty one. Text of somebody else (char*, literals, std::string_view) is kept as a
  /// std::string, and what a pair or tuple refers to (std::tie) as a value, in results, too. A char* that is
  /// null is an error.
  ///
  /// Elements of contiguous ranges (std::vector, std::span) whose type has a fixed layout, and plain
  /// std::views::iota, are read where they are, at any time and by any thread: they must neither change nor
  /// end before map returns. All others are made once each, in order, on rank 0's main thread, while tasks
  /// are handed out already, and kept until map returns: in memory up to a mebibyte, then in a file without a
  /// name beside the archive. Only where results of an earlier run may fit all are made first.
  ///
  /// `fn`: whatever std::invoke can call, a pointer to a member included: as the first that compiles of
  /// fn(arg), fn(a, b, ...) for tuple-likes, fn(arg, context), fn(a, b, ..., context) with a `Context&`. It
  /// is called on the main thread of each rank, by each rank on its own copy; on rank 0 where nobody else
  /// computes, or `Options::root_computes` says so. It must not call map, nor use MPI on the communicator of
  /// this Tasker; on others it may use MPI if MPI was initialised with MPI_THREAD_MULTIPLE, as `run` does
  /// where MPI offers that, since a second thread talks meanwhile. Between maps that thread touches no MPI.
  /// Of a lambda with `auto` the compiler tells only with the body whether it fits, so the body must compile
  /// for the first of them that its number of parameters allows: give one with `auto...` its return type.
  ///
  /// `more`: what depends on the arguments, `tasker::expected(...)`.
  ///
  /// `path` names a file; a relative one starts at rank 0's working directory as it is when map is called.
  /// `fn` may go elsewhere: rank 0 is back there when map returns.
  ///
  /// Throws, alike on every rank: TasksFailed when tasks threw; MismatchError when `path` belongs to other
  /// types; UsageError when it can't be a file; SystemError when the disk fails; Interrupted when another
  /// live run holds `path`; Error when an element of `args` could not be made.
  ///
  /// With TASKER_DRY_RUN set, it prints on rank 0's stdout what would be reused and computed, and touches
  /// nothing: a map that is finished already returns its results, any other throws DryRun with that text.
  template <class Fn, class Args, class... More>
  auto map(const std::filesystem::path& path, Fn fn, Args&& args, Options options = {}, More... more) {
    using Range = std::remove_reference_t<Args>;
    detail::require_arguments<Range>();
    if constexpr (detail::Arguments<Range>) {
      auto call = detail::make_call<Fn, Range>(path, std::move(fn), args, std::move(options));
      (detail::add_to_call<Range>(call, args, std::move(more)), ...);
      return Results<detail::ResultOf<Fn, Range>>(run_map(call));
    }
  }

 private:
  friend int run(int argc, char** argv, const std::function<void(Tasker&)>& body);
  std::shared_ptr<const detail::ResultSource> run_map(const detail::MapCall& call);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tasker
