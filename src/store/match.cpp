#include "store/match.hpp"

#include <algorithm>
#include <tuple>

namespace tasker::store {

namespace {

auto key(const Fingerprint& fingerprint, std::uint64_t index) {
  return std::make_tuple(fingerprint.high, fingerprint.low, index);
}
auto key(const Stray& stray) { return key(stray.entry.fingerprint, stray.index); }

}  // namespace

Matcher::Matcher(Catalog& catalog, const std::filesystem::path& scratch, std::string build)
    : catalog_(catalog), build_(std::move(build)), wanted_(scratch) {}

bool Matcher::usable(const Entry& entry) const {
  if (!entry.done()) return false;
  if ((entry.binding & bound_to_count) == 0) return true;
  const Origin* const origin = catalog_.origin(entry);
  return origin && origin->tasks == catalog_.tasks();
}

void Matcher::next(const Fingerprint& fingerprint) {
  const std::uint64_t index = next_++;
  if (catalog_.empty()) return;
  Entry& slot = catalog_.slot(index);
  const bool ours = slot.outcome != Outcome::none && slot.fingerprint == fingerprint;
  if (ours && (usable(slot) || !slot.done())) return;
  if (slot.done()) catalog_.strays().push_back({slot, index});
  slot = Entry{};
  wanted_.push_back({index, fingerprint});
}

void Matcher::sort_strays() {
  auto& strays = catalog_.strays();
  std::stable_sort(strays.begin(), strays.end(),
                   [](const Stray& a, const Stray& b) { return key(a) < key(b); });
  std::uint64_t kept = 0;
  for (std::uint64_t i = 0; i < strays.size(); ++i) {
    const Stray& stray = strays[i];
    const bool repeated = i + 1 < strays.size() && key(strays[i + 1]) == key(stray);
    const bool in_slot = stray.index < catalog_.tasks() && catalog_.slot(stray.index).done() &&
                         catalog_.slot(stray.index).fingerprint == stray.entry.fingerprint;
    if (stray.entry.done() && !repeated && !in_slot) strays[kept++] = stray;
  }
  strays.resize(kept);
}

MatchResult Matcher::finish(const std::function<void(base::Range)>& missing) {
  MatchResult result;
  const std::uint64_t tasks = catalog_.tasks();
  if (catalog_.empty()) {
    if (tasks > 0) missing({0, tasks});
    return result;
  }
  sort_strays();
  auto& strays = catalog_.strays();
  const auto take = [&](const Wanted& wanted, Stray& stray) {
    Entry& slot = catalog_.slot(wanted.index);
    slot = stray.entry;
    stray.entry.outcome = Outcome::none;  // it serves one task
    if (stray.index != wanted.index) ++result.moved;
  };
  const auto first_of = [&](const Fingerprint& fingerprint, std::uint64_t index) {
    return std::lower_bound(strays.begin(), strays.end(), key(fingerprint, index),
                            [](const Stray& stray, const auto& wanted) { return key(stray) < wanted; });
  };
  for (const Wanted& wanted : wanted_) {
    Stray* const stray = first_of(wanted.fingerprint, wanted.index);
    if (stray != strays.end() && key(*stray) == key(wanted.fingerprint, wanted.index) && usable(stray->entry))
      take(wanted, *stray);
  }
  for (const Wanted& wanted : wanted_) {
    if (catalog_.slot(wanted.index).done()) continue;
    for (Stray* stray = first_of(wanted.fingerprint, 0);
         stray != strays.end() && stray->entry.fingerprint == wanted.fingerprint; ++stray) {
      if ((stray->entry.binding & bound_to_index) != 0 || !usable(stray->entry)) continue;
      take(wanted, *stray);
      break;
    }
  }
  const Origin* origin = nullptr;
  const Entry* last = nullptr;
  for (std::uint64_t i = 0; i < tasks; ++i) {
    const Entry& slot = catalog_.slot(i);
    if (!slot.done()) {
      missing({i, i + 1});
      continue;
    }
    ++result.reused;
    if (!last || last->source != slot.source || last->frame != slot.frame) origin = catalog_.origin(slot);
    last = &slot;
    if (origin && origin->build != build_) ++result.other_build;
  }
  std::uint64_t carried = 0;
  for (const Stray& stray : strays)
    if (stray.entry.done()) strays[carried++] = stray;
  strays.resize(carried);
  result.carried = carried;
  return result;
}

}  // namespace tasker::store
