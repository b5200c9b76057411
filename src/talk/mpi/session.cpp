#include "talk/mpi/session.hpp"

#include "base/signals.hpp"

#include <tasker/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

namespace tasker::talk::mpi {

using boost::mpi::environment;

namespace {

bool ranks_are_gone = false;

/// How long MPI_Abort may take to end this process. Then SIGALRM ends it.
constexpr unsigned abort_seconds = 5;
volatile std::sig_atomic_t abort_code = 0;

}  // namespace

bool running() { return environment::initialized() && !environment::finalized(); }

bool launched() {
  constexpr const char* signs[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK",          "PMI_RANK", "PMI_SIZE",
                                   "MPI_LOCALNRANKS",      "MV2_COMM_WORLD_SIZE"};
  return std::ranges::any_of(signs, [](const char* name) { return std::getenv(name) != nullptr; });
}

Session::Session(int& argc, char**& argv) {
  if (environment::finalized())
    throw UsageError("MPI has been finalized already and cannot be started again");
  if (!environment::initialized())
    started_ = std::make_unique<environment>(argc, argv, boost::mpi::threading::multiple, false);
  require_serialized();
}

Session::~Session() {
  if (!maker_.is_here() || ranks_are_gone) (void)started_.release();
}

void skip_finalize() { ranks_are_gone = true; }

void end_all(int exit_code) {
  abort_code = exit_code;
  std::signal(SIGALRM, [](int) { ::_exit(abort_code); });
  const sigset_t alarm = base::signal_set({SIGALRM});
  ::pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
  ::alarm(abort_seconds);
  environment::abort(exit_code);
}

void require_serialized() {
  if (!running()) throw UsageError("MPI does not run: call MPI_Init_thread first");
  if (environment::thread_level() < boost::mpi::threading::serialized)
    throw UsageError(
        "MPI was initialised without thread support, but Tasker uses MPI in a thread of its own while tasks "
        "run; instead of MPI_Init write: int provided; MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, "
        "&provided); or let boost::mpi::environment do so");
}

}  // namespace tasker::talk::mpi
