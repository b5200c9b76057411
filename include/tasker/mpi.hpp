#pragma once

#include <tasker/tasker.hpp>

#include <boost/mpi/communicator.hpp>

#include <utility>

namespace tasker {

/// A communicator to work on: a boost::mpi::communicator, or an MPI_Comm. It is duplicated, not owned:
///
///     tasker::Tasker half{world.split(world.rank() % 2)};
struct Communicator {
  Communicator() = default;
  Communicator(boost::mpi::communicator communicator) : comm(std::move(communicator)) {}
  Communicator(MPI_Comm communicator) : comm(communicator, boost::mpi::comm_attach) {}

  boost::mpi::communicator comm;  ///< All ranks, by default.
};

}  // namespace tasker
