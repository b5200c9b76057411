#include "store/match.hpp"

#include <algorithm>
#include <compare>

namespace tasker::store {

namespace {

std::strong_ordering compare(const Fingerprint& a, const Fingerprint& b) {
  return a.high != b.high ? a.high <=> b.high : a.low <=> b.low;
}

}  // namespace

Matcher::Matcher(Catalog& catalog, std::string build)
    : catalog_(catalog),
      build_(std::move(build)),
      entry_(catalog.slots().begin()),
      kept_(catalog.scratch()),
      wanted_(catalog.scratch()) {}

bool Matcher::usable(const Entry& entry) const {
  if (!entry.done()) return false;
  const std::uint64_t count = catalog_.bound_count(entry);
  return count == 0 || count == catalog_.tasks();
}

/// The entry that includes this task, which is that of the last call or a later one; null if there is none.
const Entry* Matcher::find(std::uint64_t index) {
  while (entry_ != catalog_.slots().end() && entry_->last() <= index) {
    ++entry_;
    frame_.reset();
  }
  if (entry_ == catalog_.slots().end() || entry_->first > index) return nullptr;
  if (!frame_) {
    frame_ = catalog_.frame(*entry_);
    usable_ = usable(*entry_);
    declared_ = catalog_.declared(*entry_);
  }
  return entry_;
}

void Matcher::next(std::string_view arguments, std::uint64_t count, const Fingerprinter& fingerprinter) {
  for (const std::size_t size = arguments.size() / count; count > 0;) {
    std::uint64_t taken = take_equal(arguments, size, fingerprinter);
    if (taken == 0) {
      next(fingerprinter(arguments.substr(0, size)));
      taken = 1;
    }
    arguments.remove_prefix(taken * size);
    count -= taken;
  }
}

/// Takes as many of the next arguments, all of this size, as are found together at their own indices.
/// Returns how many.
std::uint64_t Matcher::take_equal(std::string_view arguments, std::size_t size,
                                  const Fingerprinter& fingerprinter) {
  const Entry* const found = size > 0 ? find(next_) : nullptr;
  if (!found || !usable_ || frame_->has(FrameColumn::fingerprints) || declared_ != fingerprinter.digest())
    return 0;
  const std::uint64_t most = frame_->has(ends_of(FrameColumn::arguments))
                                 ? 1
                                 : std::min<std::uint64_t>(arguments.size() / size, found->last() - next_);
  const Entry entry = found->part(next_, next_ + most);
  const std::string_view stored = frame_->value(FrameColumn::arguments, entry.record, entry.count);
  if (stored.size() != most * size) return 0;
  std::uint64_t equal = most;
  if (!arguments.starts_with(stored))
    equal = static_cast<std::uint64_t>(std::ranges::mismatch(stored, arguments).in1 - stored.begin()) / size;
  if (equal > 0) append(kept_, entry.part(next_, next_ + equal));
  next_ += equal;
  return equal;
}

/// That of a record of `frame_`.
Fingerprint Matcher::fingerprint_of(std::uint32_t record) const {
  if (frame_->has(FrameColumn::fingerprints)) return frame_->fingerprint(record);
  return Fingerprinter(declared_)(frame_->value(FrameColumn::arguments, record));
}

void Matcher::next(const Fingerprint& fingerprint) {
  const std::uint64_t index = next_++;
  if (catalog_.empty()) return;
  if (const Entry* const found = find(index)) {
    const Stray here{found->only(index), fingerprint_of(found->only(index).record)};
    const bool ours = here.fingerprint == fingerprint;
    // A failed record of this task stays in the slot: it counts the attempts.
    if (ours && (usable_ || !here.entry.done())) append(kept_, here.entry);
    if (ours && usable_) return;
    if (here.entry.done()) catalog_.strays().push_back(here);
  }
  wanted_.push_back({index & (UINT64_MAX >> 1), 0, fingerprint});
}

/// Sorts strays by fingerprint, then index. Of several results of one task the last one stays.
void Matcher::sort_strays() {
  auto& strays = catalog_.strays();
  const auto by_task = [this](const Stray& a, const Stray& b) {
    if (const auto order = compare(a.fingerprint, b.fingerprint); std::is_neq(order)) return order;
    if (a.entry.first != b.entry.first) return a.entry.first <=> b.entry.first;
    return catalog_.bound_count(a.entry) <=> catalog_.bound_count(b.entry);
  };
  std::sort(strays.begin(), strays.end(), [&](const Stray& a, const Stray& b) {
    const auto order = by_task(a, b);
    return std::is_neq(order) ? std::is_lt(order) : a.entry.age() < b.entry.age();
  });
  std::uint64_t kept = 0;
  for (std::uint64_t i = 0; i < strays.size(); ++i) {
    const bool repeated = i + 1 < strays.size() && std::is_eq(by_task(strays[i], strays[i + 1]));
    if (!repeated && !catalog_.has_result_of(strays[i])) strays[kept++] = strays[i];
  }
  strays.resize(kept);
}

std::uint64_t Matcher::take_strays() {
  auto& strays = catalog_.strays();
  if (strays.empty()) return 0;
  std::sort(wanted_.begin(), wanted_.end(), [](const Wanted& a, const Wanted& b) {
    const auto order = compare(a.fingerprint, b.fingerprint);
    return std::is_neq(order) ? std::is_lt(order) : a.index < b.index;
  });
  std::uint64_t moved = 0;
  // Each task first looks for a result at its own index, then the others look for one that may move.
  for (const bool may_move : {false, true}) {
    Stray* stray = strays.begin();
    for (Wanted& wanted : wanted_) {
      if (wanted.found != 0) continue;
      const auto order = [&] {
        const auto by_fingerprint = compare(stray->fingerprint, wanted.fingerprint);
        return std::is_neq(by_fingerprint) || may_move ? by_fingerprint : stray->entry.first <=> wanted.index;
      };
      const auto fits = [&] {
        return usable(stray->entry) && !(may_move && (stray->entry.binding & bound_to_index) != 0);
      };
      while (stray != strays.end() && (std::is_lt(order()) || (std::is_eq(order()) && !fits()))) ++stray;
      if (stray == strays.end()) break;
      if (std::is_neq(order())) continue;
      Entry entry = stray->entry;
      entry.first = wanted.index;
      catalog_.add(entry);
      stray->entry.outcome = Outcome::none;  // it serves one task
      wanted.found = 1;
      if (may_move) ++moved;
    }
  }
  catalog_.settle();
  return moved;
}

MatchResult Matcher::finish(const std::function<void(base::Range)>& missing) {
  MatchResult result;
  const std::uint64_t tasks = catalog_.tasks();
  if (catalog_.empty()) {
    if (tasks > 0) missing({0, tasks});
    return result;
  }
  catalog_.set_slots(kept_);
  sort_strays();
  result.moved = take_strays();
  std::uint64_t behind = 0;  // the last task that is done
  for (const Entry& entry : catalog_.slots()) {
    if (!entry.done()) continue;
    if (entry.first > behind) missing({behind, entry.first});
    behind = entry.last();
    result.reused += entry.count;
    const Origin* const origin = catalog_.origin(entry);
    if (origin && origin->build != build_) result.other_build += entry.count;
  }
  if (behind < tasks) missing({behind, tasks});
  auto& strays = catalog_.strays();
  for (const Stray& stray : strays)
    if (stray.entry.done()) strays[result.carried++] = stray;
  strays.resize(result.carried);
  return result;
}

}  // namespace tasker::store
