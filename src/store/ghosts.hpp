#pragma once

#include "base/clock.hpp"
#include "store/fence.hpp"
#include "store/paths.hpp"

#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace tasker::store {

/// The ghosts of a directory: ranks that may have outlived their run. They hear late of its death and write
/// to their journals until then. So those journals are neither folded nor removed before, unless they are
/// closed. Since nobody knows when the run died, the time counts from the construction of this object.
///
/// The ranks of a run that has joined another one may outlive that one, too. They are ghosts until their run
/// has joined the successor.
class Ghosts {
 public:
  explicit Ghosts(const Names& names);

  /// Whether a rank may still write to this journal, or create it.
  bool may_write(const JournalName& journal, base::Time now = base::Clock::now()) const;
  /// When no ghost will write any more.
  base::Time gone() const;
  /// The runs that had joined an earlier one and whose process may live.
  std::set<std::string> may_join() const;
  /// That run has joined this one: it is no ghost.
  void welcome(const std::string& run) { ghosts_.erase(run); }
  /// That run is gone, but its ranks may go on writing for so long.
  void add(const std::string& run, std::chrono::milliseconds ghosts) {
    ghosts_[run] = {base::Clock::now() + ghosts};
  }
  /// Forgets all ghosts. To be called when they are gone.
  void forget(const Fence& fence) const;

 private:
  struct Ghost {
    base::Time gone;
    bool may_join = false;
  };
  std::filesystem::path directory_;
  std::map<std::string, Ghost> ghosts_;  // by run
  std::vector<std::filesystem::path> files_;
};

}  // namespace tasker::store
