#pragma once

#include "base/process.hpp"
#include "store/fence.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace tasker::store {

/// Who holds a directory, or wants to.
struct Holder {
  std::string run;
  std::string job;  ///< The scheduler's; empty if none.
  base::ProcessId process = base::this_process();
  /// How long ranks of the run may go on writing to their journals when this process has died: those on other
  /// hosts hear of it late.
  std::chrono::milliseconds ghosts{0};
};

/// The right of one run to a directory. Each that wants it makes a fence of its own, then looks for others:
/// the run that has seen no other fence beside its own holds the directory. The fence of a dead run is
/// removed, and with it all power of that run, should it not be dead after all.
///
/// In the fence a small file names the process and carries a beat that a thread renews. A holder is dead when
/// its process is (same host), or when the watcher's own clock passes `patience` without a beat. A wrong
/// guess costs work, never a result: FORMAT.md says why.
class Hold {
 public:
  struct Timing {
    std::chrono::milliseconds beat{2000};
    std::chrono::milliseconds patience{10000};  ///< Several beats.
  };

  /// Takes `directory`, from a dead holder if need be. Throws Interrupted, naming host, process and job, if
  /// it is held by a live run, and the same to all but one of those that want it at the same time. May wait
  /// for `patience`, watching a holder on another host.
  Hold(const std::filesystem::path& directory, const Holder& self) : Hold(directory, self, Timing()) {}
  Hold(const std::filesystem::path& directory, const Holder& self, Timing timing);
  /// Gives it back.
  ~Hold();
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  /// What it gives power over the directory.
  const Fence& fence() const { return fence_; }
  /// Whether another run has taken the directory, believing this one dead, or the directory has gone, as the
  /// last beat saw it.
  bool lost() const { return lost_; }
  /// Gives it back, and removes the directory if nothing else is left there.
  void end_directory();
  /// Keeps in the directory that ranks of this run may go on writing to their journals for so long after it
  /// is given back, which it is to be next.
  void leave_ghosts(std::chrono::milliseconds ghosts);

 private:
  void take();
  void settle(const std::string& other) const;
  void keep_still();
  void beat(bool holds);
  std::string content() const;

  Holder self_;
  Timing timing_;
  std::uint64_t beats_ = 0;
  bool holds_ = false;
  Fence fence_;
  std::atomic<bool> lost_ = false;
  std::mutex mutex_;  // for beats_ and holds_
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses all others
};

}  // namespace tasker::store
