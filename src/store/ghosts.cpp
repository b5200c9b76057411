#include "store/ghosts.hpp"

#include "base/hash.hpp"
#include "store/hold.hpp"
#include "store/journal.hpp"

#include <algorithm>

namespace tasker::store {

Ghosts::Ghosts(const Names& names) : directory_(names.directory()) {
  for (const std::string& run : list_ghosts(names))
    if (const auto seen = read_holder(ghosts_path(directory_, run)))
      gone_[run] = base::Clock::now() + seen->holder.ghosts;
}

bool Ghosts::may_write(const JournalName& journal, base::Time now) const {
  const auto ghost = gone_.find(base::to_hex(journal.id));
  if (ghost == gone_.end() || now >= ghost->second) return false;
  return !base::file_exists(directory_ / journal.to_string()) ||
         !JournalReader(directory_, journal).is_closed();
}

base::Time Ghosts::gone() const {
  base::Time last;  // long ago
  for (const auto& [run, gone] : gone_) last = std::max(last, gone);
  return last;
}

void Ghosts::forget(const Fence& fence) const {
  for (const auto& [run, gone] : gone_) fence.remove(ghosts_path(fence.directory(), run));
}

}  // namespace tasker::store
