#pragma once

#include "base/clock.hpp"

#include <poll.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>

namespace tasker::talk {

using base::Clock;
using base::Time;

/// A message as it arrived: who sent it, and its bytes. Or, on rank 0, the news that this rank is gone: its
/// process died, or its host, or the way there. It is the last that is heard of it. Other ranks don't hear of
/// rank 0: where it is gone, they end.
struct Envelope {
  int source = 0;
  std::string bytes;
  bool lost = false;
  bool silent = false;  ///< Lost since nothing is heard of its host, or of its whole run: not by itself.
};

/// How ranks talk: whole messages, in order between any two ranks, and a wait that sleeps in the kernel.
/// Two implementations: MPI (talk/mpi/mailbox), and a fake that serializes every message for tests and
/// simulation. One thread at a time may use it.
class Comm {
 public:
  virtual ~Comm() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// On how many hosts the ranks are.
  virtual int host_count() const = 0;

  /// Starts to send `message` to rank `to` and returns at once; never blocks, whatever the receiver does.
  /// Sending to oneself is an error; what is sent to a rank that is gone is dropped.
  virtual void send(int to, std::string message) = 0;

  /// Sleeps until a message is there (returned), one of `watched` is ready (its `revents` is set) or
  /// `deadline` has passed. A message goes first: `revents` are all zero when one is returned.
  virtual std::optional<Envelope> wait(Time deadline, std::span<pollfd> watched = {}) = 0;

  /// Sleeps until everything sent has left this rank, or `deadline` has passed (false).
  virtual bool flush(Time deadline) = 0;

  /// The ranks of a host that has been silent for this long are taken for gone.
  virtual void set_lost_after(std::chrono::milliseconds lost_after) = 0;
};

}  // namespace tasker::talk
