#include "talk/mpi/session.hpp"

#include <tasker/error.hpp>

#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <string>

namespace tasker::talk::mpi {
namespace {

bool finalized() {
  int flag = 0;
  MPI_Finalized(&flag);
  return flag != 0;
}

bool ranks_are_gone = false;

/// MPI_Abort has so long to end this process; then the kernel does.
constexpr unsigned abort_seconds = 5;
volatile std::sig_atomic_t abort_code = 0;

bool initialized() {
  int flag = 0;
  MPI_Initialized(&flag);
  return flag != 0;
}

}  // namespace

bool running() { return initialized() && !finalized(); }

bool launched() {
  constexpr std::array kSigns = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK",          "PMI_RANK", "PMI_SIZE",
                                 "MPI_LOCALNRANKS",      "MV2_COMM_WORLD_SIZE"};
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [](const char* name) { return std::getenv(name) != nullptr; });
}

Session::Session(int& argc, char**& argv) {
  if (finalized()) throw UsageError("MPI has been finalized already and cannot be started again");
  if (!initialized()) {
    int provided = MPI_THREAD_SINGLE;
    check(MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
    started_ = true;
  }
  require_serialized();
}

Session::~Session() {
  if (started_ && maker_.is_here() && !finalized() && !ranks_are_gone) MPI_Finalize();
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
  MPI_Abort(MPI_COMM_WORLD, exit_code);
}

void require_serialized() {
  if (!initialized() || finalized()) throw UsageError("MPI does not run: call MPI_Init_thread first");
  int provided = MPI_THREAD_SINGLE;
  check(MPI_Query_thread(&provided), "MPI_Query_thread");
  if (provided < MPI_THREAD_SERIALIZED) {
    throw UsageError(
        "MPI was initialised without thread support, but a thread of its own must talk while tasks run; "
        "instead "
        "of MPI_Init write: int provided; MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided);");
  }
}

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw SystemError(std::string(what) + ": " + text.data());
}

}  // namespace tasker::talk::mpi
