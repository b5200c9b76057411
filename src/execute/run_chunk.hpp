#pragma once

#include "execute/chunk.hpp"
#include "execute/recorder.hpp"
#include "execute/slots/output_pipes.hpp"
#include "execute/work.hpp"
#include "talk/tally.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tasker::execute {

/// What became of a chunk.
struct ChunkReport : talk::Tally {
  /// All must stop: what comes behind them is to be done later, or again.
  bool stopped = false;
};

/// What is told of a task that failed. `output`: as in a record.
TaskFailure failure_of(std::uint64_t index, std::string_view message, std::string_view output = {});

/// What became of a task that took more memory, or time, than it may.
std::string memory_text(const Limits& limits);
std::string timeout_text(const Limits& limits);

/// Thrown by run_chunk where memory is limited and a task has met the limit: what was executed before it is
/// recorded. This process may owe its lack of memory to tasks before that one.
struct OutOfMemory {};

/// For a thread that ends its process while it is in `fn`: records what has ended of its chunk, and returns
/// the task that is under way; nothing for any other thread.
std::optional<std::uint64_t> keep_what_has_ended();

/// Executes the tasks of `chunk` in this thread until none is left, and records them. `tries`: how often the
/// first of them was tried before, by this chunk. `output`: where they write, if that is to be recorded.
ChunkReport run_chunk(Chunk& chunk, const Work& work, Recorder& recorder, std::uint32_t tries = 0,
                      slots::OutputPipes* output = nullptr);

}  // namespace tasker::execute
