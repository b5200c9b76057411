#pragma once

#include "base/clock.hpp"
#include "talk/comm.hpp"
#include "talk/mpi/doorbell.hpp"
#include "talk/mpi/outbox.hpp"
#include "talk/mpi/watch.hpp"

#include <boost/mpi/communicator.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tasker::talk::mpi {

struct MailboxOptions {
  /// Bytes of one MPI message at most; longer messages travel in parts. At most INT_MAX.
  std::size_t part_limit = std::size_t{16} << 20;
  /// Never ring: what a firewall between hosts does. For tests.
  bool mute = false;
};

/// Messages between the ranks of a communicator, with a wait that sleeps in the kernel.
///
/// MPI's own waits spin, so a rank sleeps in one poll() on its doorbell and the caller's descriptors instead,
/// and looks into MPI when it is rung. Between rings it looks rarely: the pauses grow with the silence, from
/// 5 ms to half a second. So a lost ring costs such a pause, and nothing else. Where rings are known to get
/// lost the pauses are shorter. MPI does not move the bytes of a long message by itself either: its receiver
/// rings back, and both ends then look without a pause, for a time that depends on the length.
class Mailbox final : public talk::Comm {
 public:
  /// Collective over `comm`, which is duplicated. MPI must run, at MPI_THREAD_SERIALIZED or above
  /// (UsageError).
  explicit Mailbox(const boost::mpi::communicator& comm, MailboxOptions options = {});

  /// Not collective, does not wait: a message that has not left by now (see flush) may never arrive. Each
  /// rank should receive all messages to it before the ranks make the next Mailbox, whose communicator may
  /// get the identity of this one.
  ~Mailbox() override;

  int rank() const override { return comm_.rank(); }
  int size() const override { return static_cast<int>(peers_.size()); }
  int host_count() const override { return doorbell_.host_count(); }

  /// A message of any length, in one MPI message where possible. Throws SystemError if MPI refuses it,
  /// std::invalid_argument if `to` is this rank or none.
  void send(int to, std::string message) override;

  /// Throws SystemError if MPI fails, or if what a rank sent is not what a Mailbox sends.
  std::optional<talk::Envelope> wait(Time deadline, std::span<pollfd> watched = {}) override;

  bool flush(Time deadline) override;

  void set_lost_after(std::chrono::milliseconds lost_after) override { watch_.set_lost_after(lost_after); }

  /// The duplicate, owned by the mailbox.
  const boost::mpi::communicator& communicator() const { return comm_; }
  const Doorbell& doorbell() const { return doorbell_; }

 private:
  // A message that has begun to arrive; its parts are received right into their place.
  struct Incoming {
    int source = 0;
    std::string bytes;
    std::size_t matched = 0;  // bytes whose MPI message has been found
    std::vector<boost::mpi::request> parts;
  };

  struct Peer {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t rung = 0;  // the highest count among its rings
    bool unheard = false;    // its rings get lost: a message of its was found without a ring
    bool lost = false;
    bool owes() const { return rung > received; }
  };

  void release_sent();

  std::optional<talk::Envelope> receive();
  bool match();
  void begin(int source, std::size_t size);
  void receive_part(Incoming& incoming, int tag, std::size_t size);
  void ring(int to, Doorbell::Call call, std::uint64_t number) const;
  std::optional<talk::Envelope> finished();
  std::list<Incoming>::iterator abandon(std::list<Incoming>::iterator incoming);
  void discard(int source, int tag, std::size_t size);

  std::optional<talk::Envelope> next_lost();

  void sleep(Time until, std::span<const pollfd> watched);
  Clock::duration patience(Time now) const;
  void listen();
  void push(std::uint64_t bytes);
  bool under_way() const { return !outbox_.empty() || !incoming_.empty(); }

  boost::mpi::communicator comm_;
  MailboxOptions options_;
  Doorbell doorbell_;
  Watch watch_;
  std::vector<Peer> peers_;
  std::deque<Watch::Lost> lost_;  // ranks whose loss `wait` has not returned yet

  Outbox outbox_;
  std::list<Incoming> incoming_;  // in the order they began

  std::vector<pollfd> polled_;   // the doorbell, the watch, then what the caller watches
  Time last_event_;              // when something was last sent, received or rung
  Time moving_until_;            // until then bytes under way are pushed without sleeping
  int owing_ = 0;                // peers that have rung for a message that is not here yet
  int unheard_ = 0;              // peers whose rings get lost
  bool woke_by_itself_ = false;  // the last sleep ended without a ring
};

}  // namespace tasker::talk::mpi
