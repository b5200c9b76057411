#pragma once

#include "base/clock.hpp"
#include "store/fence.hpp"
#include "store/paths.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace tasker::store {

/// The ghosts of a directory: ranks that may have outlived their run. They hear late of its death and write
/// to their journals until then. So those journals are neither folded nor removed before, unless they are
/// closed. Since nobody knows when the run died, the time counts from the construction of this object.
class Ghosts {
 public:
  explicit Ghosts(const Names& names);

  /// Whether a rank may still write to this journal, or create it.
  bool may_write(const JournalName& journal, base::Time now = base::Clock::now()) const;
  /// When no ghost will write any more.
  base::Time gone() const;
  /// Forgets all ghosts. To be called when they are gone.
  void forget(const Fence& fence) const;

 private:
  std::filesystem::path directory_;
  std::map<std::string, base::Time> gone_;  // when the ghosts of each run are gone
};

}  // namespace tasker::store
