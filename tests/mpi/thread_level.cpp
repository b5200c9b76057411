// MPI as a program starts it that knows nothing of threads: refused, with what to write instead.
#include "talk/mpi/mailbox.hpp"

#include <tasker/error.hpp>

#include <mpi.h>

#include <cstdio>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int result = 1;
  try {
    const tasker::talk::mpi::Mailbox mailbox(boost::mpi::communicator{});
  } catch (const tasker::UsageError& error) {
    std::puts(error.what());
    result = 0;
  }
  MPI_Finalize();
  return result;
}
