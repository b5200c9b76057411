#include "runtime/abandon.hpp"

namespace tasker::runtime {

std::vector<Unfinished> abandon(schedule::Scheduler& scheduler, talk::Tally& tally, int worker,
                                std::uint32_t slots, bool is_gone, Time now,
                                const std::function<base::IntervalSet(const base::IntervalSet&)>& recorded) {
  const std::vector<schedule::LeftBehind> chunks = scheduler.leave(worker);
  base::IntervalSet left;
  for (const schedule::LeftBehind& chunk : chunks)
    if (is_gone || base::count(chunk.tasks) > 1) left.insert(chunk.tasks);
  const base::IntervalSet found = recorded(left);
  scheduler.found(found.ranges());
  tally.tasks += found.size();
  std::vector<Unfinished> unfinished;
  for (const schedule::LeftBehind& chunk : chunks) {
    base::IntervalSet unrecorded;
    unrecorded.insert(chunk.tasks);
    for (const base::Range& range : found.ranges()) unrecorded.erase(range);
    // It may have come further than it had time to tell: a chunk that has ended has freed its slot.
    if (unrecorded.empty() || unfinished.size() >= slots) continue;
    const bool is_known = chunk.begun && base::count(chunk.tasks) == 1;
    unfinished.push_back({unrecorded.ranges(), is_known ? now - *chunk.begun : Clock::duration(0)});
  }
  return unfinished;
}

}  // namespace tasker::runtime
