#pragma once

#include "talk/comm.hpp"
#include "talk/local_peer.hpp"

#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>

namespace tasker::talk {

/// Who talks to rank 0: the other ranks, as long as they live, and, where it computes itself, this process.
/// Each is known by its rank.
class Peers {
 public:
  /// This process's own.
  static constexpr int self = 0;

  /// Null: there are no other ranks.
  explicit Peers(Comm* comm);

  /// The ranks that are left, without this one.
  const std::set<int>& others() const { return others_; }
  bool any_lost() const { return any_lost_; }
  Comm* comm() { return comm_; }

  /// This process computes from now on, until `let_go`.
  void take(LocalPeer& local) { local_ = &local; }
  void let_go();

  /// As Comm::send.
  void send(int to, std::string message);
  void send_to_others(const std::string& message);
  /// As Comm::wait. Of a rank that is gone the last is said by then, and it is none of the others.
  std::optional<Envelope> wait(Time deadline, std::span<pollfd> watched = {});

 private:
  std::optional<Envelope> said_here();
  Comm* comm_;
  std::set<int> others_;
  bool any_lost_ = false;
  LocalPeer* local_ = nullptr;
  std::deque<std::string> said_;  // by this process, and not returned yet
};

}  // namespace tasker::talk
