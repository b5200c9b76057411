#pragma once

#include "execute/chunk.hpp"
#include "execute/recorder.hpp"

#include <tasker/detail/call.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tasker::execute {

/// What became of a chunk.
struct ChunkReport {
  std::uint64_t tasks = 0;  ///< How many were executed, all of them recorded.
  std::uint64_t failed = 0;
  std::vector<std::pair<std::uint64_t, std::string>> failures;  ///< (index, message) of the first few.
  std::chrono::nanoseconds busy{0};
};

/// Executes the tasks of `chunk` in this thread until none is left, and records them.
ChunkReport run_chunk(Chunk& chunk, const detail::MapCall& call, std::uint64_t task_count,
                      Recorder& recorder);

}  // namespace tasker::execute
