#include "base/console.hpp"
#include "base/exceptions.hpp"
#include "base/process.hpp"
#include "base/threads.hpp"
#include "cluster/launcher.hpp"
#include "cluster/report.hpp"
#include "runtime/party.hpp"
#include "talk/thrown.hpp"

#include <tasker/tasker.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <thread>

#ifdef TASKER_WITH_MPI
#include "talk/mpi/mailbox.hpp"
#include "talk/mpi/session.hpp"

#include <tasker/mpi.hpp>
#endif

namespace tasker {

namespace {
/// Connects to the launcher when the program is loaded, since it may end before it makes a Tasker. The Tasker
/// tries again, and reports a failure.
[[maybe_unused]] const bool reported = [] {
  try {
    cluster::report_to_launcher();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}();

/// Thrown when all ranks have left and the reason has been told.
class HasLeft : public Error {
 public:
  using Error::Error;
};

/// Ends the whole job, since the others may be waiting for this rank in MPI, where no message reaches them.
int end_job(const talk::Thrown& why) {
  const int rank = cluster::launched_rank();
  // All ranks may have failed alike: rank 0 speaks first, and ends the others before they repeat it.
  if (rank != 0) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  base::say("tasker: " + (rank != 0 ? "rank " + std::to_string(rank) + ": " : "") + why.message + "\n");
  cluster::report_exit(why.exit_code);
#ifdef TASKER_WITH_MPI
  if (talk::mpi::running()) talk::mpi::end_all(why.exit_code);
#endif
  return why.exit_code;
}

[[noreturn]] void end_alone(const talk::Thrown& why) {
  base::say("tasker: " + why.message + "\n");
  cluster::report_exit(why.exit_code);
  ::_exit(why.exit_code);
}

#ifdef TASKER_WITH_MPI
std::unique_ptr<talk::Comm> join(const boost::mpi::communicator& communicator) {
  talk::mpi::require_serialized();
  if (!communicator)
    throw UsageError("a Tasker was given MPI_COMM_NULL; make it on the ranks of the communicator only");
  return std::make_unique<talk::mpi::Mailbox>(communicator);
}
#endif
}  // namespace

struct Tasker::State {
  /// `comm` is null where MPI does not run.
  explicit State(std::unique_ptr<talk::Comm> comm) : nodes(comm ? comm->host_count() : 1) {
    if (comm && comm->size() > 1)
      party = std::make_unique<runtime::Party>(std::move(comm), end_job);
    else
      party = std::make_unique<runtime::Party>(nullptr, end_alone);
    base::remember_threads();
    report();
  }

  /// A rank that can't reach `tasker launch` tells the others itself: the launcher would not notice its end.
  void report() {
    try {
      cluster::report_to_launcher();
      cluster::report_meeting();
    } catch (const Error& error) {
      leave(error.exit_code(), error.what());
      throw HasLeft(error.what(), error.exit_code());
    }
  }

  /// All leave together; a rank that others don't follow in time, or that can't talk to them, ends the job.
  /// Returns the common exit code.
  int leave(int exit_code, const std::string& message) {
    bool left_alone = false;
    talk::Leave farewell{exit_code, message};
    try {
      party->leave(farewell, left_alone);
    } catch (...) {
      const talk::Thrown end = talk::describe(std::current_exception());
      if (exit_code == exit_done) farewell.exit_code = end.exit_code;
      farewell.message += (farewell.message.empty() ? "" : "; then ") + end.message;
      left_alone = true;
    }
    if (!farewell.message.empty() && (party->rank() == 0 || left_alone))
      base::say("tasker: " + (left_alone ? "rank " + std::to_string(party->rank()) + ": " : "") +
                farewell.message + "\n");
#ifdef TASKER_WITH_MPI
    if (farewell.lost_ranks) talk::mpi::skip_finalize();
    if (left_alone) {
      const int code = farewell.exit_code != 0 ? farewell.exit_code : int{exit_failed};
      cluster::report_exit(code);
      talk::mpi::end_all(code);
    }
#endif
    return farewell.exit_code;
  }

  int nodes;
  std::unique_ptr<runtime::Party> party;
  int exceptions_at_start = std::uncaught_exceptions();
};

Tasker::Tasker() try {
  std::unique_ptr<talk::Comm> comm;
#ifdef TASKER_WITH_MPI
  if (talk::mpi::launched() && !talk::mpi::running()) {
    // For the rest of the process, since MPI can't be started a second time.
    static int argc = 0;
    static char** argv = nullptr;
    static const talk::mpi::Session session(argc, argv);
  }
  if (talk::mpi::running()) comm = join({});
#endif
  if (!comm || comm->size() == 1) cluster::refuse_singletons();
  state_ = std::make_unique<State>(std::move(comm));
} catch (...) {
  talk::rethrow_as_error();
}

#ifdef TASKER_WITH_MPI
Tasker::Tasker(const Communicator& communicator) try
    : state_(std::make_unique<State>(join(communicator.comm))) {
} catch (...) {
  talk::rethrow_as_error();
}
#endif

Tasker::Tasker(Tasker&&) noexcept = default;

Tasker::~Tasker() {
  if (!state_) return;
  // In a forked child, or if exit was called inside a map, this Tasker is not at its end.
  if (!state_->party->is_here() || state_->party->is_mapping()) {
    (void)state_.release();
    return;
  }
  if (state_->party->has_left()) return;
  const bool failing = std::uncaught_exceptions() > state_->exceptions_at_start;
  state_->leave(failing ? exit_failed : exit_done, failing ? "an exception ended its part" : "");
}

int Tasker::rank() const { return state_->party->rank(); }
int Tasker::size() const { return state_->party->size(); }
int Tasker::node_count() const { return state_->nodes; }
int Tasker::worker_count() const { return state_->party->worker_count(); }
bool Tasker::leads() const { return state_->party->leads(); }

std::shared_ptr<const detail::ResultSource> Tasker::run_map(const detail::MapCall& call) {
  return state_->party->map(call);
}

int run([[maybe_unused]] int argc, [[maybe_unused]] char** argv, const std::function<void(Tasker&)>& body) {
#ifdef TASKER_WITH_MPI
  std::optional<talk::mpi::Session> session;  // ends after the Tasker
#endif
  std::optional<Tasker> tasker;
  try {
#ifdef TASKER_WITH_MPI
    if (talk::mpi::launched()) session.emplace(argc, argv);
#endif
    tasker.emplace();
  } catch (const UsageError& error) {
    // All ranks fail alike here, and can't talk to each other yet. A launcher may kill all when the first one
    // ends, so the others give rank 0 the time to speak.
    if (cluster::launched_rank() == 0)
      base::say(std::string("tasker: ") + error.what() + "\n");
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return error.exit_code();
  } catch (const HasLeft& error) {
    return error.exit_code();
  } catch (...) {
    return end_job(talk::describe(std::current_exception()));
  }
  int exit_code = exit_done;
  std::string message;
  try {
    const base::NoCopies guard("the body of tasker::run");
    body(*tasker);
  } catch (...) {
    const auto exception = std::current_exception();
    const bool said_by_root = tasker->state_->party->is_shared(exception) && !tasker->is_root();
    message = base::text_of(exception);
    try {
      throw;
    } catch (const DryRun& error) {  // its message is data
      exit_code = error.exit_code();
      if (tasker->is_root()) std::cout << message << std::endl;
      message.clear();
    } catch (const Left& error) {
      exit_code = error.exit_code();
      cluster::report_left();
    } catch (const Error& error) {
      exit_code = error.exit_code();
    } catch (...) {
      exit_code = exit_failed;
    }
    if (said_by_root) message.clear();
  }
  return tasker->state_->leave(exit_code, message);
}

}  // namespace tasker
