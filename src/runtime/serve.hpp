#pragma once

#include "execute/listener.hpp"
#include "runtime/arguments.hpp"
#include "runtime/progress.hpp"
#include "runtime/timekeeper.hpp"
#include "runtime/workspace.hpp"
#include "schedule/scheduler.hpp"
#include "talk/peers.hpp"

#include <tasker/detail/call.hpp>

#include <cstdint>
#include <functional>

namespace tasker::runtime {

/// What rank 0 needs to serve a map.
struct Service {
  talk::Peers& peers;
  const detail::MapCall& call;  ///< With an absolute path.
  const Arguments& arguments;
  const talk::Start& start;  ///< To be said to all that compute.
  bool has_launcher;         ///< Whether ranks live on when one dies.
  Workspace& workspace;
  schedule::Scheduler& scheduler;
  talk::Tally& tally;
  Reporter& reporter;
  Timekeeper& time;
  std::uint32_t& least_cpus;            ///< That any rank may use; lowered.
  const std::function<void()>& attend;  ///< Called after every event, and at least every two seconds.
};

/// Hands out what the scheduler holds to all that compute, until there is nothing left of it or the time is
/// up. Throws Interrupted when no rank is left, and what ends the map for all.
void serve(const Service& service);

}  // namespace tasker::runtime
