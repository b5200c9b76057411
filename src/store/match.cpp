#include "store/match.hpp"

#include <algorithm>
#include <tuple>

namespace tasker::store {

namespace {

auto key(const Fingerprint& fingerprint) { return std::tie(fingerprint.high, fingerprint.low); }

}  // namespace

Matcher::Matcher(Catalog& catalog, const std::filesystem::path& scratch, std::string build)
    : catalog_(catalog), build_(std::move(build)), wanted_(scratch) {}

bool Matcher::usable(const Entry& entry) const {
  if (!entry.done()) return false;
  const std::uint64_t count = catalog_.bound_count(entry);
  return count == 0 || count == catalog_.tasks();
}

void Matcher::next(const Fingerprint& fingerprint) {
  const std::uint64_t index = next_++;
  if (catalog_.empty()) return;
  Entry& slot = catalog_.slot(index);
  const bool ours = slot.outcome != Outcome::none && catalog_.record(slot).fingerprint == fingerprint;
  if (ours && usable(slot)) return;
  if (slot.done()) catalog_.strays().push_back({slot, catalog_.record(slot).fingerprint, index});
  // A failure of this task stays: it counts the attempts.
  if (!ours || slot.done()) slot = Entry{};
  wanted_.push_back({index, fingerprint});
}

/// Sorts by fingerprint, then index; of several results of one task the last one stays.
void Matcher::sort_strays() {
  auto& strays = catalog_.strays();
  const auto task = [this](const Stray& stray) {
    return std::make_tuple(stray.fingerprint.high, stray.fingerprint.low, stray.index,
                           catalog_.bound_count(stray.entry));
  };
  const auto age = [](const Entry& entry) {
    return std::make_tuple(entry.source, entry.frame, entry.record);
  };
  std::sort(strays.begin(), strays.end(), [&](const Stray& a, const Stray& b) {
    if (a.fingerprint.high != b.fingerprint.high)  // nearly always
      return a.fingerprint.high < b.fingerprint.high;
    const auto task_a = task(a);
    const auto task_b = task(b);
    return task_a != task_b ? task_a < task_b : age(a.entry) < age(b.entry);
  });
  std::uint64_t kept = 0;
  for (std::uint64_t i = 0; i < strays.size(); ++i) {
    const Stray& stray = strays[i];
    const bool repeated = i + 1 < strays.size() && strays[i + 1].fingerprint == stray.fingerprint &&
                          task(strays[i + 1]) == task(stray);
    const bool in_slot =
        stray.index < catalog_.tasks() && catalog_.slot(stray.index).done() &&
        catalog_.record(catalog_.slot(stray.index)).fingerprint == stray.fingerprint &&
        catalog_.bound_count(catalog_.slot(stray.index)) == catalog_.bound_count(stray.entry);
    if (!repeated && !in_slot) strays[kept++] = stray;
  }
  strays.resize(kept);
}

std::uint64_t Matcher::take_strays() {
  auto& strays = catalog_.strays();
  if (strays.empty()) return 0;
  std::sort(wanted_.begin(), wanted_.end(), [](const Wanted& a, const Wanted& b) {
    if (a.fingerprint.high != b.fingerprint.high) return a.fingerprint.high < b.fingerprint.high;
    return std::tie(a.fingerprint.low, a.index) < std::tie(b.fingerprint.low, b.index);
  });
  std::uint64_t moved = 0;
  const auto take = [&](const Wanted& wanted, Stray& stray) {
    catalog_.slot(wanted.index) = stray.entry;
    stray.entry.outcome = Outcome::none;  // it serves one task
    if (stray.index != wanted.index) ++moved;
  };
  Stray* stray = strays.begin();
  for (const Wanted* wanted = wanted_.begin(); wanted != wanted_.end();) {
    // All tasks that want one fingerprint, and all that has it.
    const Fingerprint fingerprint = wanted->fingerprint;
    const Wanted* const first = wanted;
    while (wanted != wanted_.end() && wanted->fingerprint == fingerprint) ++wanted;
    while (stray != strays.end() && key(stray->fingerprint) < key(fingerprint)) ++stray;
    Stray* const first_stray = stray;
    while (stray != strays.end() && stray->fingerprint == fingerprint) ++stray;

    Stray* candidate = first_stray;
    for (const Wanted* task = first; task != wanted; ++task) {
      while (candidate != stray && candidate->index < task->index) ++candidate;
      while (candidate != stray && candidate->index == task->index && !usable(candidate->entry)) ++candidate;
      if (candidate != stray && candidate->index == task->index) take(*task, *candidate);
    }
    candidate = first_stray;
    for (const Wanted* task = first; task != wanted; ++task) {
      if (catalog_.slot(task->index).done()) continue;
      while (candidate != stray &&
             ((candidate->entry.binding & bound_to_index) != 0 || !usable(candidate->entry)))
        ++candidate;
      if (candidate == stray) break;
      take(*task, *candidate);
    }
  }
  return moved;
}

MatchResult Matcher::finish(const std::function<void(base::Range)>& missing) {
  MatchResult result;
  const std::uint64_t tasks = catalog_.tasks();
  if (catalog_.empty()) {
    if (tasks > 0) missing({0, tasks});
    return result;
  }
  sort_strays();
  result.moved = take_strays();
  const Origin* origin = nullptr;
  const Entry* last = nullptr;
  base::Range gap;
  for (std::uint64_t i = 0; i < tasks; ++i) {
    const Entry& slot = catalog_.slot(i);
    if (!slot.done()) {
      if (gap.size() == 0) gap.first = i;
      gap.last = i + 1;
      continue;
    }
    if (gap.size() > 0) missing(gap);
    gap = {};
    ++result.reused;
    if (!last || last->source != slot.source || last->frame != slot.frame) origin = catalog_.origin(slot);
    last = &slot;
    if (origin && origin->build != build_) ++result.other_build;
  }
  if (gap.size() > 0) missing(gap);
  auto& strays = catalog_.strays();
  for (const Stray& stray : strays)
    if (stray.entry.done()) strays[result.carried++] = stray;
  strays.resize(result.carried);
  return result;
}

}  // namespace tasker::store
