#pragma once

#include "talk/comm.hpp"
#include "talk/gate.hpp"

#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace tasker::talk {

/// The peer in this process, as the serving thread sees it.
class LocalPeer {
 public:
  virtual ~LocalPeer() = default;
  virtual void hear(std::string message) = 0;
  /// What the peer has said since the last call.
  virtual std::vector<std::string> take_messages() = 0;
  /// Readable when the peer has said something.
  virtual int fd() const = 0;
};

/// The peers of rank 0: the other ranks, for as long as they live, this process if it computes, too, and
/// those that come through a gate. Ranks are known by their rank, the others by their number.
class Peers {
 public:
  /// The rank of the peer in this process.
  static constexpr int self = 0;

  /// `comm` is null if there are no other ranks.
  explicit Peers(Comm* comm);

  /// The ranks that are left, without this one.
  const std::set<int>& others() const { return others_; }
  bool any_lost() const { return comm_ && others_.size() + 1 < static_cast<std::size_t>(comm_->size()); }
  Comm* comm() { return comm_; }

  /// `local` is a peer from now on, until `let_go`.
  void take(LocalPeer& local) { local_ = &local; }
  void let_go();

  /// Those who come through `gate` are peers from now on, until `close`.
  void open(Gate& gate) { gate_ = &gate; }
  void close() { gate_ = nullptr; }

  /// As Comm::send.
  void send(int to, std::string message);
  void send_to_others(const std::string& message);
  /// As Comm::wait. A rank whose loss is returned is not among `others()` any more.
  std::optional<Envelope> wait(Time deadline, std::span<pollfd> watched = {});

 private:
  std::optional<Envelope> said_here();
  std::optional<Envelope> said_at_gate();
  Comm* comm_;
  std::set<int> others_;
  LocalPeer* local_ = nullptr;
  Gate* gate_ = nullptr;
  int since_gate_ = 0;            // messages of others since the last look there
  std::deque<std::string> said_;  // by the local peer, and not returned yet
};

}  // namespace tasker::talk
