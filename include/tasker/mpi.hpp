#pragma once

#include <tasker/tasker.hpp>

#include <boost/mpi/communicator.hpp>

#include <utility>

namespace tasker {

/// The ranks that a Tasker works with, as a boost::mpi::communicator or an MPI_Comm. The Tasker duplicates
/// the communicator and does not own it:
///
///     tasker::Tasker half{world.split(world.rank() % 2)};
struct Communicator {
  Communicator() = default;
  Communicator(boost::mpi::communicator communicator) : comm(std::move(communicator)) {}
  Communicator(MPI_Comm communicator) : comm(communicator, boost::mpi::comm_attach) {}

  boost::mpi::communicator comm;  ///< All ranks, by default.
};

}  // namespace tasker
