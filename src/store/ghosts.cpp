#include "store/ghosts.hpp"

#include "base/hash.hpp"
#include "store/hold.hpp"
#include "store/journal.hpp"

#include <algorithm>

namespace tasker::store {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {
/// How long a run that had joined another one may take to join the successor, or to end.
constexpr auto patience = 15s;
}  // namespace

Ghosts::Ghosts(const Names& names) : directory_(names.directory()) {
  const base::Time now = base::Clock::now();
  for (const std::string& run : list_ghosts(names)) {
    const auto seen = read_holder(files_.emplace_back(ghosts_path(directory_, run)));
    if (seen) ghosts_[run] = {now + seen->holder.ghosts};
  }
  for (const std::string& run : list_joined(names)) {
    const auto seen = read_holder(files_.emplace_back(joined_path(directory_, run)));
    if (!seen) continue;
    const bool lives = base::life_of(seen->holder.process) != base::Life::dead;
    ghosts_[run] = {now + std::max<base::Clock::duration>(seen->holder.ghosts, lives ? patience : 0s), lives};
  }
}

bool Ghosts::may_write(const JournalName& journal, base::Time now) const {
  const auto ghost = ghosts_.find(base::to_hex(journal.id));
  if (ghost == ghosts_.end() || now >= ghost->second.gone) return false;
  return !base::file_exists(directory_ / journal.to_string()) ||
         !JournalReader(directory_, journal).is_closed();
}

base::Time Ghosts::gone() const {
  base::Time last;  // long ago
  for (const auto& [run, ghost] : ghosts_) last = std::max(last, ghost.gone);
  return last;
}

std::set<std::string> Ghosts::may_join() const {
  std::set<std::string> runs;
  for (const auto& [run, ghost] : ghosts_)
    if (ghost.may_join) runs.insert(run);
  return runs;
}

void Ghosts::forget(const Fence& fence) const {
  for (const fs::path& file : files_) fence.remove(file);
}

}  // namespace tasker::store
