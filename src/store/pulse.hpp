#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace tasker::store {

/// Tells whether a run that holds a directory is frozen: its process lives, but its beat has stopped. Only
/// this process's own clock counts.
class Pulse {
 public:
  /// The run counts as frozen after `lease` without a beat.
  Pulse(const std::filesystem::path& directory, std::string run, std::chrono::nanoseconds lease);

  const std::string& run() const { return run_; }
  /// Looks, if that is due. If this process has stood still itself, the time begins anew.
  bool is_frozen(base::Time now);
  /// When the next look is due.
  base::Time due() const { return looked_ + pause_; }

 private:
  std::filesystem::path holder_;
  std::string run_;
  std::chrono::nanoseconds lease_;
  std::chrono::nanoseconds pause_;  // between two looks
  std::optional<std::uint64_t> beats_;
  base::Time looked_;
  base::Time changed_;
};

}  // namespace tasker::store
