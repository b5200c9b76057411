#pragma once

#include "base/mutex.hpp"
#include "base/process.hpp"
#include "store/fence.hpp"

#include <tasker/error.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tasker::store {

/// A run that holds a directory, or wants to.
struct Holder {
  std::string run;
  std::string job;  ///< Slurm's job; empty if none.
  base::ProcessId process = base::this_process();
  /// How long ranks of the run may go on writing to their journals after this process has died: ranks on
  /// other hosts hear of it late.
  std::chrono::milliseconds ghosts{0};
  /// Where other runs of this host can join: the name of a socket in the fence; empty: nowhere.
  std::string gate = {};
  /// Where those of other hosts can join, such as "10.1.2.3:4711". They need the directory's key (key.hpp).
  std::vector<std::string> addresses = {};
};

/// What `holder.json` tells of a run.
struct Seen {
  Holder holder;
  std::uint64_t beats = 0;
  bool holds = true;
};

/// Another run holds a directory, or is about to.
class Held : public Interrupted {
 public:
  /// `why` it can't be joined, if it is known.
  Held(const std::filesystem::path& directory, Seen by, const std::string& why = {});
  const Seen& by() const { return by_; }
  const std::string& why() const { return why_; }

 private:
  Seen by_;
  std::string why_;
};

/// Reads a `holder.json`; nothing if there is no such file. A damaged one names no process: its run counts as
/// dead unless it beats.
std::optional<Seen> read_holder(const std::filesystem::path& path);

/// The right of one run to a directory. Each run that wants it makes a fence of its own, then looks for
/// others. A run that sees no other fence holds the directory. The fence of a dead run is removed, and with
/// it all power of that run, should it be alive after all.
///
/// A small file in the fence names the run's process and has a beat that a thread renews. A run is dead when
/// its process is (on the same host), or when no beat has come for `patience`, by the watcher's own clock. A
/// wrong guess costs work, never a result: FORMAT.md says why.
///
/// The end of the object gives the directory back.
class Hold {
 public:
  struct Timing {
    std::chrono::milliseconds beat{2000};
    std::chrono::milliseconds patience{10000};  ///< Several beats.
  };

  /// What to do right before the fence says that its run holds the directory: sets where other runs can join.
  using Prepare = std::function<void(const Fence& fence, Holder& self)>;

  /// Takes `directory`, from a dead run if need be. Throws Held if a live run holds it. Of several runs that
  /// want it at the same time, all but one get Held. May wait for `patience`, to watch a run on another host.
  /// `frozen`: a run that counts as dead.
  Hold(const std::filesystem::path& directory, const Holder& self, const Prepare& prepare = {},
       const std::string& frozen = {})
      : Hold(directory, self, Timing(), prepare, frozen) {}
  Hold(const std::filesystem::path& directory, const Holder& self, Timing timing, const Prepare& prepare = {},
       const std::string& frozen = {});

  /// The fence that gives power over the directory.
  const Fence& fence() const { return fence_; }
  /// Whether the last beat found the directory gone or taken by another run, which believed this one dead.
  bool lost() const { return lost_; }
  /// From now on runs of other hosts can join at `addresses`.
  void set_addresses(std::vector<std::string> addresses);
  /// Gives the directory back, and removes it if nothing else is left in it.
  void end_directory();
  /// Notes in the directory that the ranks of another run compute for this one, and write journals of that
  /// run's name.
  void note_joined(const Holder& run) const;
  /// Notes in the directory that ranks of this run may go on writing to their journals for `ghosts` after it
  /// is given back. To be called right before that.
  void leave_ghosts(std::chrono::milliseconds ghosts);

 private:
  void take(const Prepare& prepare, const std::string& frozen);
  void settle(const std::string& other, bool is_frozen) const;
  void beat(bool holds) TASKER_REQUIRES(mutex_);

  Holder self_;
  Timing timing_;
  std::uint64_t beats_ TASKER_GUARDED_BY(mutex_) = 0;
  bool holds_ TASKER_GUARDED_BY(mutex_) = false;
  Fence fence_;
  std::atomic<bool> lost_ = false;
  base::Mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses all other members
};

}  // namespace tasker::store
