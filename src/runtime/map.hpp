#pragma once

#include "base/caught_signal.hpp"
#include "base/kept_thread.hpp"
#include "cluster/allocation.hpp"
#include "execute/desk.hpp"
#include "runtime/authors.hpp"
#include "talk/peers.hpp"
#include "talk/thrown.hpp"

#include <tasker/detail/call.hpp>
#include <tasker/detail/result_source.hpp>
#include <tasker/error.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace tasker::runtime {

/// A rank left, for good, while others were in a map.
class RankLeft : public Error {
 public:
  RankLeft(int rank, const std::string& message, int exit_code) : Error(message, exit_code), rank_(rank) {}
  int rank() const { return rank_; }

 private:
  int rank_;
};

/// What all maps of a Tasker have in common on rank 0.
struct Root {
  talk::Peers& peers;
  base::KeptThread& thread;  ///< Serves while tasks are computed.
  execute::Desk& desk;       ///< Where this process computes.
  Authors& authors;
  cluster::Allocation& allocation;  ///< Once the time is up that it gives, nothing more is handed out …
  const base::CaughtSignal& drain;  ///< … and once this has come.
  /// Ends the process, whose main thread does not come out of `fn`, and all others; with that message.
  std::function<void(const talk::Thrown& why)> end_process;
};

/// One map on rank 0; `sequence` counts those of its Tasker. What it throws was told to all other ranks.
std::shared_ptr<const detail::ResultSource> map_on_root(Root& root, const detail::MapCall& call,
                                                        std::uint64_t sequence);

/// The same map on any other rank, which `thread` talks for, to who executes at `desk`. What it throws is
/// what rank 0 throws.
std::shared_ptr<const detail::ResultSource> map_on_worker(talk::Comm& comm, base::KeptThread& thread,
                                                          execute::Desk& desk, const detail::MapCall& call,
                                                          std::uint64_t sequence);

}  // namespace tasker::runtime
