#pragma once

#include "talk/comm.hpp"

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

/// The peers of rank 0: the other ranks, for as long as they live, and this process if it computes, too. Each
/// is known by its rank.
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

  /// As Comm::send.
  void send(int to, std::string message);
  void send_to_others(const std::string& message);
  /// As Comm::wait. A rank whose loss is returned is not among `others()` any more.
  std::optional<Envelope> wait(Time deadline, std::span<pollfd> watched = {});

 private:
  std::optional<Envelope> said_here();
  Comm* comm_;
  std::set<int> others_;
  LocalPeer* local_ = nullptr;
  std::deque<std::string> said_;  // by the local peer, and not returned yet
};

}  // namespace tasker::talk
