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

/// Learns that ranks are gone, of which MPI says nothing: each holds a lifeline to rank 0, which hears of
/// every death. A rank that loses its connection to rank 0 exits: what it computes is of no use to anybody
/// any more, and its results are recorded.
class Watch {
 public:
  /// Collective over `comm`, which is not kept. A rank that can't be watched is named on stderr.
  Watch(const boost::mpi::communicator& comm, const Doorbell& doorbell);
  /// The end in order, of which the others make nothing.
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// On rank 0: readable when there is something to look at; else -1.
  int fd() const { return workers_ ? workers_->fd() : -1; }
  /// On rank 0: the ranks that have died since the last call.
  std::vector<int> take_lost();
  /// How long another host may be silent before its ranks are taken for dead; by this rank.
  void set_lost_after(std::chrono::milliseconds lost_after);

 private:
  void await(const std::vector<int>& connected);
  void look();

  std::optional<talk::Lifelines> workers_;  // on rank 0
  std::vector<int> lost_;                   // of them
  std::optional<talk::Lifeline> root_;      // on the others
  std::optional<base::Event> stop_;         // the thread shall end
  std::jthread thread_;                     // looks after the lifeline to rank 0, asleep
};

}  // namespace tasker::talk::mpi
