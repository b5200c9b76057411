#pragma once

#include "base/packed.hpp"
#include "base/pipe.hpp"
#include "execute/chunk.hpp"
#include "execute/slots/output_pipes.hpp"
#include "execute/work.hpp"
#include "store/record.hpp"

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace tasker::execute::slots {

/// What a slot's child died of, where its exit status does not tell.
enum class Trap : std::uint8_t { none, stack_overflow, no_memory, too_long };

/// Memory that a slot's child shares with its rank. Both use it at the same time, so its members are atomic:
/// no tool finds data races between processes. What one process has stored here before it sent a message, the
/// other sees once it has read that message from the pipe.
struct SlotPage {
  SlotPage() {}  // NOLINT(modernize-use-equals-default): else all of it would be filled with zeros
  detail::SharedClaims chunk;           ///< State of the chunk that the child executes.
  std::atomic<Trap> trap = Trap::none;  ///< Since the chunk began.
  /// The child waits for its rank, to read a message or to send a chunk. That counts as no task's time.
  std::atomic<bool> waiting = false;
  OutputPage output;
};

/// From the child: a frame, whose checksum is nothing yet. It follows.
struct Records {};

/// From the child: a task has saved its state. The state follows.
struct SavedState {
  std::uint64_t index = 0;
};

/// From the child: the chunk is executed. Tasks without a record were not.
struct Finished {};

/// The messages of a child. Its rank sends it only the assignments of chunks, as rank 0 has made them.
base::Kinds<Records, SavedState, Finished> kinds_of(const auto& message);

/// What a slot's child does, from its fork on. `parent` is the rank's process. `output`: the pipes that tasks
/// write to; null if their output is not captured.
[[noreturn]] void serve(base::Pipe rank, pid_t parent, SlotPage& page, const Work& work, OutputPipes* output);

}  // namespace tasker::execute::slots
