#pragma once

#include "run/comm.hpp"

#include <tasker/detail/call.hpp>
#include <tasker/detail/result_source.hpp>

#include <cstdint>
#include <memory>

namespace tasker::runtime {

/// One map on rank 0. `comm` is null where there are no other ranks; then this thread computes as well.
/// `sequence` counts the maps of this Tasker. What it throws was told to all other ranks.
std::shared_ptr<const detail::ResultSource> map_on_root(Comm* comm, const detail::MapCall& call,
                                                        std::uint64_t sequence);

/// The same map on any other rank. What it throws is what rank 0 throws.
std::shared_ptr<const detail::ResultSource> map_on_worker(Comm& comm, const detail::MapCall& call,
                                                          std::uint64_t sequence);

}  // namespace tasker::runtime
