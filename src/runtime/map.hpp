#pragma once

#include "base/caught_signal.hpp"
#include "cluster/allocation.hpp"
#include "runtime/authors.hpp"
#include "talk/comm.hpp"

#include <tasker/detail/call.hpp>
#include <tasker/detail/result_source.hpp>
#include <tasker/error.hpp>

#include <cstdint>
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

/// One map on rank 0. `comm` is null where there are no other ranks; then this thread computes as well.
/// `sequence` counts the maps of this Tasker, `authors` are those of all of them. Once `drain` has come, or
/// the time that `allocation` or the options give is up, nothing more is handed out. What it throws was told
/// to all other ranks.
std::shared_ptr<const detail::ResultSource> map_on_root(talk::Comm* comm, const detail::MapCall& call,
                                                        std::uint64_t sequence, Authors& authors,
                                                        cluster::Allocation& allocation,
                                                        const base::CaughtSignal& drain);

/// The same map on any other rank. What it throws is what rank 0 throws.
std::shared_ptr<const detail::ResultSource> map_on_worker(talk::Comm& comm, const detail::MapCall& call,
                                                          std::uint64_t sequence);

}  // namespace tasker::runtime
