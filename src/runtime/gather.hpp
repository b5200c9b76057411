#pragma once

#include "runtime/timekeeper.hpp"
#include "talk/messages.hpp"
#include "talk/peers.hpp"

#include <tasker/error.hpp>

#include <string>

namespace tasker::runtime {

/// A rank has left its Tasker while others were in a map.
class RankLeft : public Error {
 public:
  RankLeft(int rank, const std::string& message, int exit_code) : Error(message, exit_code), rank_(rank) {}
  int rank() const { return rank_; }

 private:
  int rank_;
};

/// On rank 0: waits until all living ranks have called the map that rank 0 has called, `mine`. Throws
/// UsageError for a rank that calls another map, RankLeft for one that leaves instead, and Interrupted if a
/// rank is late although the run must stop.
void gather(talk::Peers& peers, const talk::Enter& mine, Timekeeper& time);

/// Throws what ends the map for all ranks of this run, if a rank has said that: its trouble, or that it
/// leaves.
void require_going_on(const talk::Envelope& envelope);

/// What is said of a lost rank; `host` may be unknown. `has_launcher`: the other ranks live on.
std::string lost_text(int rank, bool has_launcher, const std::string& host = {});

/// Outside of maps: says that a rank is lost.
void hear_of_loss(int rank);

}  // namespace tasker::runtime
