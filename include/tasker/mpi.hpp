#pragma once

#include <tasker/tasker.hpp>

#include <mpi.h>

namespace tasker {

/// A communicator to work on; a boost::mpi::communicator converts to it. It is duplicated, not owned:
///
///     tasker::Tasker half{tasker::Communicator{MPI_Comm(sub_communicator)}};
struct Communicator {
  MPI_Comm handle = MPI_COMM_WORLD;
};

}  // namespace tasker
