#pragma once

#include "base/event.hpp"
#include "talk/lifeline.hpp"
#include "talk/mpi/doorbell.hpp"

#include <boost/mpi/communicator.hpp>

#include <chrono>
#include <optional>
#include <thread>
#include <vector>

namespace tasker::talk::mpi {

/// Learns that ranks are gone, which MPI does not tell. Each rank holds a lifeline to rank 0, which hears of
/// every death. A rank that loses its lifeline to rank 0 exits: its results are recorded, and what it
/// computes now is of no use any more.
class Watch {
 public:
  /// Collective over `comm`, which is not kept. A rank that can't be watched is named on stderr.
  Watch(const boost::mpi::communicator& comm, const Doorbell& doorbell);
  /// Says farewell, so that the others don't take this end for a death.
  ~Watch();

  /// On rank 0: readable when `take_lost` has something to look at. On the others: -1.
  int fd() const { return workers_ ? workers_->fd() : -1; }
  struct Lost {
    int rank = 0;
    bool silent = false;  ///< As in Envelope.
  };
  /// On rank 0: the ranks that have died since the last call.
  std::vector<Lost> take_lost();
  /// How long another host may be silent before this rank takes its ranks for dead.
  void set_lost_after(std::chrono::milliseconds lost_after);

 private:
  void await(const std::vector<int>& connected);
  void look();

  std::optional<talk::Lifelines> workers_;  // on rank 0
  std::vector<Lost> lost_;                  // those not taken yet
  std::optional<talk::Lifeline> root_;      // on the others
  std::optional<base::Event> stop_;         // tells the thread to end
  std::jthread thread_;                     // looks after the lifeline to rank 0, asleep
};

}  // namespace tasker::talk::mpi
