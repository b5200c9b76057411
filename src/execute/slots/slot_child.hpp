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
#include <string>
#include <utility>
#include <vector>

namespace tasker::execute::slots {

/// What a slot's child died of, as far as its end does not tell.
enum class Trap : std::uint8_t { none, stack_overflow, no_memory, too_long };

/// Memory that a slot's child shares with its rank. Atomics and nothing else: both use it at the same time,
/// and no tool that looks for data races sees two processes. What a value here is about (an order, a record)
/// was or will be in the pipe, and the side that has read that from there also sees what was stored here
/// before.
struct SlotPage {
  SlotPage() {}  // NOLINT(modernize-use-equals-default): else all of it would be filled with zeros
  Chunk::SharedState chunk;             ///< Of the chunk that it executes.
  Chunk::SharedState again;             ///< Of tasks that are executed once more.
  std::atomic<Trap> trap = Trap::none;  ///< Since the order began.
  /// The child is waiting for its rank: to take what it sends, or for an order. No task is to blame for that.
  std::atomic<bool> waiting = false;
  OutputPage output;
};

enum class SlotKind : std::uint8_t { order, frame, state, finished };

/// To the child: execute these tasks. Their arguments follow, as a Chunk has them.
struct Order {
  static constexpr SlotKind kind = SlotKind::order;
  bool again = false;  ///< Counted in SlotPage::again, and never taken back.
  base::Ranges tasks;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> attempts;
  std::uint32_t tries = 0;  ///< How often the first of them was tried before.
  auto fields() { return std::tie(again, tasks, attempts, tries); }
};

/// From the child: the records of some tasks. Their bytes follow.
struct FrameHead {
  static constexpr SlotKind kind = SlotKind::frame;
  store::FrameInfo info;
  auto fields() { return std::tie(info.records, info.start, info.duration, info.cpu_time, info.memory); }
};

/// From the child: a task has saved its state. The state follows.
struct SavedState {
  static constexpr SlotKind kind = SlotKind::state;
  std::uint64_t index = 0;
  auto fields() { return std::tie(index); }
};

/// From the child: the order is executed.
struct Finished {
  static constexpr SlotKind kind = SlotKind::finished;
  bool stopped = false;  ///< But for the tasks that are not recorded: as in ChunkReport.
  auto fields() { return std::tie(stopped); }
};

/// What a slot's child does, from its fork on. `parent` is the rank's process; `output` is where its tasks
/// write, if that is captured.
[[noreturn]] void serve(base::Pipe rank, pid_t parent, SlotPage& page, const Work& work, OutputPipes* output);

}  // namespace tasker::execute::slots
