#pragma once

#include "base/process.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace tasker::store {

/// The right of one run to a directory. A small file names the holder and carries a beat that a thread
/// renews; a holder is dead when its process is (same host), or when the watcher's own clock passes
/// `patience` without a beat. It saves work; that records never get lost hangs on journals' unique names
/// alone.
class Hold {
 public:
  struct Timing {
    std::chrono::milliseconds beat{2000};
    std::chrono::milliseconds patience{10000};  ///< Several beats.
  };

  /// Takes `directory`, from a dead holder if need be. Throws Interrupted, naming host, process and job, if
  /// it is held by a live run. May wait for `patience`, watching a holder on another host.
  Hold(const std::filesystem::path& directory, const std::string& run, const std::string& job)
      : Hold(directory, run, job, Timing()) {}
  Hold(const std::filesystem::path& directory, const std::string& run, const std::string& job, Timing timing);
  /// Gives it back.
  ~Hold();
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  /// No beat any more: for the little time that it takes to remove the directory, which must not get a new
  /// hold meanwhile.
  void keep_still();

  /// Another run took the directory, believing this one dead; or the directory is not what it was.
  bool lost() const { return lost_; }
  /// Which of them, once lost: the directory has been removed, or can't be reached.
  bool removed() const { return removed_; }

 private:
  /// Puts this run's hold at `path`; false if something is there.
  bool link_as(const std::filesystem::path& path);
  /// Replaces the hold `dead`, unless it is another by now.
  bool take_over(const std::string& dead);
  void beat();
  enum class State { ours, taken, removed };
  State state() const;
  std::string content() const;

  Timing timing_;
  std::filesystem::path path_;
  std::string run_;
  std::string job_;
  base::ProcessId process_;
  std::uint64_t beats_ = 0;
  std::atomic<bool> removed_ = false;
  std::atomic<bool> lost_ = false;  // set last
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses all others
};

/// Whether this process sees `directory` as held by `run`: false where it is another host's own disk. May
/// wait a little for a network file system to show what is new.
bool hold_is_of(const std::filesystem::path& directory, const std::string& run);

}  // namespace tasker::store
