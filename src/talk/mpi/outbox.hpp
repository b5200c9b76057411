#pragma once

#include <boost/mpi/communicator.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace tasker::talk::mpi {

using Bytes = std::shared_ptr<const std::string>;

/// MPI messages on their way out, each with the bytes it is sent from.
class Outbox {
 public:
  Outbox() = default;
  /// Does not wait. Open MPI can't cancel a send, and MPI (or a peer that reads our memory) may use the bytes
  /// until the process ends, so they stay.
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Begins to send this part of `bytes`. Throws boost::mpi::exception if MPI refuses.
  void post(const boost::mpi::communicator& comm, int to, int tag, const Bytes& bytes, std::size_t offset,
            std::size_t size);
  /// Forgets the messages that have left; whether there were any.
  bool release();
  /// Gives up the messages under way to rank `to`.
  void abandon(int to);
  bool empty() const { return sent_.empty(); }

 private:
  struct Sent {
    int to = 0;
    Bytes bytes;
    boost::mpi::request request;
  };
  std::vector<Sent> sent_;
};

}  // namespace tasker::talk::mpi
