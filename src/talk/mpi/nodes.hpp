#pragma once

#include <mpi.h>

namespace tasker::talk::mpi {

/// How many hosts the ranks of `comm` are on. Collective.
int node_count(MPI_Comm comm);

}  // namespace tasker::talk::mpi
