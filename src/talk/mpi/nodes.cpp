#include "talk/mpi/nodes.hpp"

#include "talk/mpi/session.hpp"

namespace tasker::talk::mpi {

int node_count(MPI_Comm comm) {
  MPI_Comm node = MPI_COMM_NULL;
  check(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
  int rank_on_node = 0;
  MPI_Comm_rank(node, &rank_on_node);
  MPI_Comm_free(&node);
  // Every node has one first rank.
  int mine = rank_on_node == 0 ? 1 : 0;
  int nodes = 0;
  check(MPI_Allreduce(&mine, &nodes, 1, MPI_INT, MPI_SUM, comm), "MPI_Allreduce");
  return nodes;
}

}  // namespace tasker::talk::mpi
