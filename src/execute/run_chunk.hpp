#pragma once

#include "execute/chunk.hpp"
#include "execute/recorder.hpp"
#include "execute/slots/output_pipes.hpp"
#include "execute/work.hpp"

#include <cstdint>
#include <optional>

namespace tasker::execute {

/// What became of a chunk.
struct ChunkReport : talk::Tally {
  talk::Leftover left;

  /// An attempt at this task has failed and is recorded; rank 0 shall hand the task out again.
  void left_to_try_again(std::uint64_t index);
};

/// Whether a task that has ended so is tried again. `before`: the attempts made before this one.
bool may_be_tried_again(store::Outcome outcome, const talk::Tried& before, const Options& options);

/// For a thread that ends its process from inside `fn`: records the tasks of its chunk that have ended, and
/// returns the index of the running one. Returns nothing to a thread that is not inside `fn`.
std::optional<std::uint64_t> keep_what_has_ended();

/// Executes and records the tasks of `chunk` in this thread, until none is left or all must stop. `output`:
/// the pipes that the tasks write to; null if their output is not captured. Throws std::bad_alloc if memory
/// is limited and `fn` has thrown that. Then the tasks before are recorded: they may have used up the memory.
ChunkReport run_chunk(Chunk& chunk, const Work& work, Recorder& recorder,
                      slots::OutputPipes* output = nullptr);

}  // namespace tasker::execute
