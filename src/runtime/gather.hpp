#pragma once

#include "runtime/timekeeper.hpp"
#include "talk/messages.hpp"
#include "talk/peers.hpp"

#include <string>

namespace tasker::runtime {

/// On rank 0: waits until all ranks that live have called the map that rank 0 has, `mine`. Throws UsageError
/// for a rank that calls another one, RankLeft for one that leaves instead, Interrupted if some have not come
/// a few seconds after it turned out, by `time`, that the run must stop.
void gather(talk::Peers& peers, const talk::Enter& mine, Timekeeper& time);

/// What is said of a rank that is gone; `host` may be unknown. `has_launcher`: the others live on.
std::string lost_text(int rank, bool has_launcher, const std::string& host = {});

/// Outside of maps: tells of a rank that is gone.
void hear_of_loss(int rank);

}  // namespace tasker::runtime
