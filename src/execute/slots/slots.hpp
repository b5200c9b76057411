#pragma once

#include "execute/slots/slot.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace tasker::execute::slots {

/// The slots of a rank.
class Slots {
 public:
  /// Forks a child for each, and a guard for all.
  Slots(const Work& work, std::uint32_t count);

  std::uint32_t size() const { return static_cast<std::uint32_t>(slots_.size()); }
  bool all_busy() const { return busy_ == slots_.size(); }
  bool all_free() const { return busy_ == 0; }
  /// Executes a chunk in a slot that is free; there must be one.
  void start(std::shared_ptr<Chunk> chunk);

  /// How long to poll at most before the next look(); nothing where nothing is due by itself.
  std::optional<std::chrono::nanoseconds> longest_pause() const;
  /// Ends tasks that have lasted too long, and does what else is due.
  void look(Slot::Clock::time_point now = Slot::Clock::now());

  /// What to poll for. Valid until the next call of start() or hear().
  std::span<pollfd> watched();
  /// Writes to `sink` what was recorded; the chunks of which all is. Looks at what poll has found. Throws
  /// SystemError where no slot can keep a child.
  std::vector<Slot::Ended> hear(FrameSink& sink);

 private:
  void relieve();
  std::optional<Guard> guard_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::size_t busy_ = 0;
  std::vector<pollfd> watched_;  // Slot::watched for each slot, in their order; empty: to be asked for
};

}  // namespace tasker::execute::slots
