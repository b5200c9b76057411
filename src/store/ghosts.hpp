#pragma once

#include "store/fence.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace tasker::store {

/// How long ranks of a run may outlive it that has said so illegibly.
inline constexpr std::chrono::milliseconds unknown_ghosts{15'000};

/// Keeps what the fence of that run says of its ranks: some of them may outlive it. Before the fence is
/// removed.
void leave_ghosts(const std::filesystem::path& directory, const std::string& run);

/// The ranks that may have outlived their run in a directory. They hear late that it has died, and write to
/// their journals until then: those journals are neither folded nor removed before. Nobody knows when the run
/// died, so the time is counted from when this object is made.
class Ghosts {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Ghosts(const std::filesystem::path& directory);

  /// Whether a rank of that run may still write.
  bool may_write(std::uint64_t run, Clock::time_point now = Clock::now()) const;
  /// When none will any more.
  Clock::time_point gone() const;
  /// Forgets them. When they have gone.
  void forget(const Fence& fence) const;

 private:
  std::map<std::string, Clock::time_point> gone_;  // by run
};

}  // namespace tasker::store
