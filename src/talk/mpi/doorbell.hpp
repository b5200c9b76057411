#pragma once

#include "base/descriptor.hpp"
#include "talk/lifeline.hpp"

#include <boost/mpi/communicator.hpp>
#include <netinet/in.h>

#include <cstdint>
#include <span>
#include <vector>

namespace tasker::talk::mpi {

/// Wakes ranks that sleep in poll(): MPI has no wait that sleeps, so the sender of a message also rings, with
/// one small UDP datagram. Rings are hints: they may be lost, doubled, or overtake the message they announce.
///
/// Only datagrams of the exact size with the run's secret are heard, anything else is dropped. The secret
/// keeps strangers out, not those who can read the network: all they could do is wake a rank for nothing. If
/// all ranks share one host, the socket is bound to loopback and strangers on the network cannot even reach
/// it.
class Doorbell {
 public:
  enum class Call : std::uint32_t {
    message = 0,    ///< "I have sent you messages, the last one with this number" (counted from 1).
    receiving = 1,  ///< "I am receiving this many bytes from you: push them."
  };
  struct Ring {
    int from = 0;
    Call call = Call::message;
    std::uint64_t number = 0;
  };

  /// Collective over `comm`, which is not kept. If one rank can't open its socket, SystemError on all of
  /// them.
  explicit Doorbell(const boost::mpi::communicator& comm);

  /// Readable when somebody has rung. Owned by the doorbell, non-blocking.
  int fd() const { return fd_.get(); }

  /// Rings at rank `to`. Never blocks. Failures are ignored: the ring is lost then.
  void ring(int to, Call call, std::uint64_t number) const;

  /// Takes the rings that are there. Reads a bounded number of datagrams, so that a flood cannot hold the
  /// caller: `fd()` may still be readable afterwards. Valid until the next call.
  std::span<const Ring> drain();

  /// On how many hosts the ranks are.
  int host_count() const { return host_count_; }
  /// Known to all ranks. Lifelines use it, too.
  const Secret& secret() const { return secret_; }
  /// Where this rank listens, in network byte order: loopback if all ranks share one host, else everywhere.
  in_addr_t address() const { return bound_address(fd()).sin_addr.s_addr; }
  /// Where rank `rank` can be reached, in network byte order.
  std::vector<in_addr_t> addresses_of(int rank) const;

 private:
  int open(in_addr_t address);  // an errno, or 0

  base::Descriptor fd_;
  int rank_ = 0;
  int host_count_ = 1;
  Secret secret_{};
  std::vector<std::vector<sockaddr_in>> peers_;  // by rank: where to ring
  std::vector<Ring> heard_;
};

}  // namespace tasker::talk::mpi
