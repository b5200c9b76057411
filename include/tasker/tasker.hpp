#pragma once

#include <tasker/context.hpp>
#include <tasker/detail/make_call.hpp>
#include <tasker/digest.hpp>
#include <tasker/error.hpp>
#include <tasker/expected.hpp>
#include <tasker/inputs.hpp>
#include <tasker/options.hpp>
#include <tasker/plain.hpp>
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

/// The ranks that a Tasker works with; see tasker/mpi.hpp.
struct Communicator;

class Tasker;

/// The body of main: starts MPI, builds the Tasker, calls `body`, turns an exception into one message on
/// stderr and returns the exit code (see ExitCode), the same on all ranks. Leaves argc and argv alone. Call
/// it once per process, since MPI can't be started again after its end.
///
/// A DryRun is no failure: its message goes to stdout, and the exit code is 0. A rank that ends with an error
/// waits for the others as `~Tasker` does.
int run(int argc, char** argv, const std::function<void(Tasker&)>& body);

/// A group of ranks that computes maps: rank 0 schedules, the others call `fn`; a rank that is alone does
/// both.
///
///     return tasker::run(argc, argv, [&](tasker::Tasker& tasker) {
///       auto squares = tasker.map("squares.dat", [](double x) { return x * x; }, xs);
///       if (tasker.is_root()) std::cout << squares[3] << '\n';
///     });
///
/// Every rank must call the same maps in the same order. Construction and destruction are collective.
class Tasker {
 public:
  /// All ranks that mpirun or srun started; only this process if there was no such launcher. Initialises MPI
  /// if that is needed and not yet done. Throws UsageError if MPI was initialised with less than
  /// MPI_THREAD_SERIALIZED, or if a launcher started many processes that can't see each other.
  Tasker();
  /// On the ranks of `communicator` only (tasker/mpi.hpp). MPI must be initialised.
  explicit Tasker(const Communicator& communicator);
  /// Waits, asleep, until all ranks are done with their Tasker.
  ///
  /// If an exception is the reason, this rank tells the others that it leaves, so that they throw instead of
  /// waiting for it. Then it waits for about 5 seconds only: if some ranks are still busy (in a long task, or
  /// in code of their own), it ends the whole job with MPI_Abort.
  ~Tasker();
  Tasker(Tasker&&) noexcept;
  Tasker& operator=(Tasker&&) = delete;

  int rank() const;
  int size() const;
  bool is_root() const { return rank() == 0; }
  /// How many ranks call `fn`. On rank 0 during a map: now, of all runs that share the map.
  int worker_count() const;
  /// True on rank 0 of the run that has led the last map, or found it finished, and nowhere else: for what is
  /// to be done once, however many runs have shared the map.
  bool leads() const;
  /// How many hosts the ranks are on.
  int node_count() const;

  /// Calls `fn` for every element of `args`. The results are in the archive `path`, and are returned in the
  /// order of `args`. What an earlier run, even a killed one, has computed of them is reused. Collective.
  ///
  /// `args`: a sized random-access range, lazy views included. Only rank 0's elements are read; other ranks
  /// may pass an empty range. Text that belongs to somebody else (char*, literals, std::string_view) is kept
  /// as a std::string, and what a pair or tuple refers to (std::tie) as a value; the same is true of results.
  /// A char* that is null is an error.
  ///
  /// Elements of contiguous ranges (std::vector, std::span) whose type has a fixed layout, and of plain
  /// std::views::iota, are read where they are, at any time and by any thread: they must neither change nor
  /// end before map returns. All other elements are made once each, in order, on rank 0's main thread, while
  /// the first tasks are computed already. They are kept until map returns: in memory up to a mebibyte, then
  /// in a file without a name beside the archive. Only where results of an earlier run may fit, all elements
  /// are made first.
  ///
  /// `fn`: whatever std::invoke can call, a pointer to a member included. It is called in the first of these
  /// forms that compiles, with a `Context&` as context: fn(arg), fn(a, b, ...) for tuple-likes, fn(arg,
  /// context), fn(a, b, ..., context). For a lambda with `auto` the compiler must compile the body to find
  /// out, so the body must compile for the first form that has its number of parameters: give a lambda with
  /// `auto...` its return type.
  ///
  /// Each rank calls its own copy of `fn`, on its main thread; rank 0 does so if nobody else computes, or if
  /// `Options::root_computes` says so. `fn` must not call map, nor use MPI on the communicator of this
  /// Tasker. It may use MPI on other communicators if MPI was initialised with MPI_THREAD_MULTIPLE (`run`
  /// does so where MPI offers that), since a second thread uses MPI meanwhile. Between maps that thread
  /// touches no MPI.
  ///
  /// `more`: what depends on the arguments, `tasker::expected(...)`.
  ///
  /// `path` names a file; a relative path starts at rank 0's working directory at the time of the call. `fn`
  /// may change the working directory: rank 0 is back there when map returns.
  ///
  /// Throws, alike on every rank: TasksFailed when tasks failed; MismatchError when `path` belongs to other
  /// types; UsageError when `path` can't be a file; SystemError when the disk fails; Interrupted when another
  /// live run holds `path`; Error when an element of `args` could not be made.
  ///
  /// With TASKER_DRY_RUN set, map prints on rank 0's stdout what would be reused and computed, and touches
  /// nothing. A map that is finished already returns its results; any other throws DryRun with that text.
  template <class Fn, class Args, class... More>
  auto map(const std::filesystem::path& path, Fn fn, Args&& args, Options options = {}, More... more) {
    using Range = std::remove_reference_t<Args>;
    static_assert(detail::Arguments<Range>,
                  "map: args must be a sized random-access range (a vector, std::views::iota(0, n), a view "
                  "over them); put anything else into a vector first");
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
