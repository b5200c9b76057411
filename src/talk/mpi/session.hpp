#pragma once

#include "base/process.hpp"

#include <boost/mpi/environment.hpp>

#include <memory>

namespace tasker::talk::mpi {

/// True if an MPI launcher started this process (mpirun, or srun with a PMI plugin), going by the
/// environment. If false this is a serial run, and MPI need not be started at all.
bool launched();

/// True between MPI_Init and MPI_Finalize.
bool running();

/// MPI for as long as this object lives: starts it at MPI_THREAD_MULTIPLE unless it runs already, and ends it
/// only if it started it. Starting and ending are collective over all processes of the job.
class Session {
 public:
  /// Throws UsageError if MPI has been finalized before, or runs below MPI_THREAD_SERIALIZED. May change argc
  /// and argv as MPI_Init_thread does.
  Session(int& argc, char**& argv);
  ~Session();

 private:
  std::unique_ptr<boost::mpi::environment> started_;
  base::Maker maker_;
};

/// To be called if ranks are gone: from now on no Session calls MPI_Finalize, which might wait for them for
/// ever.
void skip_finalize();

/// Ends all processes of the job, with this exit code. If MPI can't tell the others, since this process has
/// no descriptors left, this process ends after some seconds, and the launcher ends the others.
void end_all(int exit_code);

/// Throws UsageError, with what to write instead, unless MPI runs and allows calls from one thread at a time.
void require_serialized();

}  // namespace tasker::talk::mpi
