#pragma once

#include "execute/slots/slot.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace tasker::execute::slots {

/// All slots of a rank.
class Slots {
 public:
  /// Forks a guard, and a child for each slot.
  Slots(const Work& work, std::uint32_t count);

  std::uint32_t size() const { return static_cast<std::uint32_t>(slots_.size()); }
  bool all_busy() const { return busy_ == slots_.size(); }
  bool all_free() const { return busy_ == 0; }
  /// Executes a chunk in a free slot. There must be one.
  void start(std::shared_ptr<Chunk> chunk);

  /// How long to poll at most before the next look(). Nothing if poll() may take as long as it likes.
  std::optional<std::chrono::nanoseconds> longest_pause() const;
  /// Ends tasks that have lasted too long, and does whatever else is due.
  void look(Slot::Clock::time_point now = Slot::Clock::now());

  /// The entries to poll for. Valid until the next call of start() or hear().
  std::span<pollfd> watched();
  /// Call it after poll(). Writes to `sink` the records that the children have sent, and returns the chunks
  /// that have ended. Throws SystemError if no slot is left that works.
  std::vector<Slot::Ended> hear(FrameSink& sink);

 private:
  void give_up_weak();
  std::optional<Guard> guard_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::size_t busy_ = 0;
  std::vector<pollfd> watched_;  // Slot::watched entries for each slot; empty if they must be asked for
};

}  // namespace tasker::execute::slots
