#include "talk/mpi/session.hpp"

#include <tasker/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>

namespace tasker::talk::mpi {

using boost::mpi::environment;

namespace {

bool ranks_are_gone = false;

/// MPI_Abort has so long to end this process; then the kernel does.
constexpr unsigned abort_seconds = 5;
volatile std::sig_atomic_t abort_code = 0;

}  // namespace

bool running() { return environment::initialized() && !environment::finalized(); }

bool launched() {
  constexpr std::array kSigns = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK",          "PMI_RANK", "PMI_SIZE",
                                 "MPI_LOCALNRANKS",      "MV2_COMM_WORLD_SIZE"};
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [](const char* name) { return std::getenv(name) != nullptr; });
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
  sigset_t alarm;
  ::sigemptyset(&alarm);
  ::sigaddset(&alarm, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
  ::alarm(abort_seconds);
  environment::abort(exit_code);
}

void require_serialized() {
  if (!running()) throw UsageError("MPI does not run: call MPI_Init_thread first");
  if (environment::thread_level() < boost::mpi::threading::serialized)
    throw UsageError(
        "MPI was initialised without thread support, but a thread of its own must talk while tasks run; "
        "instead of MPI_Init write: int provided; MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, "
        "&provided); or let boost::mpi::environment do so");
}

}  // namespace tasker::talk::mpi
