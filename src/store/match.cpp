#include "store/match.hpp"

#include <algorithm>
#include <tuple>

namespace tasker::store {

namespace {

auto key(const Fingerprint& fingerprint) { return std::tie(fingerprint.high, fingerprint.low); }

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
  const std::size_t size = arguments.size() / count;
  for (; count > 0; --count) {
    const std::uint64_t equal = take_equal(arguments, size, fingerprinter);
    arguments.remove_prefix(equal * size);
    count -= equal;
    if (count == 0) return;
    const std::string_view argument = arguments.substr(0, size);
    arguments.remove_prefix(size);
    const auto is_ours = [&](std::uint32_t record) {
      if (frame_->has(FrameColumn::fingerprints))
        return frame_->fingerprint(record) == fingerprinter(argument);
      return declared_ == fingerprinter.digest() && frame_->value(FrameColumn::arguments, record) == argument;
    };
    take_next(is_ours, [&] { return fingerprinter(argument); });
  }
}

/// Takes as many of the next arguments, all of this size, as are found together at their own indices.
/// Returns how many.
std::uint64_t Matcher::take_equal(std::string_view arguments, std::size_t size,
                                  const Fingerprinter& fingerprinter) {
  const Entry* const found = size > 0 ? find(next_) : nullptr;
  if (!found || !usable_ || frame_->has(FrameColumn::fingerprints) || declared_ != fingerprinter.digest() ||
      frame_->has(ends_of(FrameColumn::arguments)))
    return 0;
  const std::uint64_t most = std::min<std::uint64_t>(arguments.size() / size, found->last() - next_);
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

void Matcher::next(const Fingerprint& fingerprint) {
  take_next([&](std::uint32_t record) { return fingerprint_of(record) == fingerprint; },
            [&] { return fingerprint; });
}

/// That of a record of `frame_`.
Fingerprint Matcher::fingerprint_of(std::uint32_t record) const {
  if (frame_->has(FrameColumn::fingerprints)) return frame_->fingerprint(record);
  return Fingerprinter(declared_)(frame_->value(FrameColumn::arguments, record));
}

/// `is_ours`: whether a record of `frame_`, by its number, is that of the next argument, whose fingerprint
/// `fingerprint` makes.
template <class IsOurs, class MakeFingerprint>
void Matcher::take_next(IsOurs is_ours, MakeFingerprint fingerprint) {
  const std::uint64_t index = next_++;
  if (catalog_.empty()) return;
  if (const Entry* const found = find(index)) {
    const Entry entry = found->only(index);
    const bool ours = is_ours(entry.record);
    // A failed record of this task stays in the slot: it counts the attempts.
    if (ours && (usable_ || !entry.done())) append(kept_, entry);
    if (ours && usable_) return;
    if (entry.done()) catalog_.strays().push_back({entry, fingerprint_of(entry.record)});
  }
  wanted_.push_back({index & (UINT64_MAX >> 1), 0, fingerprint()});
}

/// Sorts strays by fingerprint, then index. Of several results of one task the last one stays.
void Matcher::sort_strays() {
  auto& strays = catalog_.strays();
  const auto task = [this](const Stray& stray) {
    return std::tuple(key(stray.fingerprint), stray.entry.first, catalog_.bound_count(stray.entry));
  };
  std::sort(strays.begin(), strays.end(), [&](const Stray& a, const Stray& b) {
    if (a.fingerprint.high != b.fingerprint.high)  // nearly always
      return a.fingerprint.high < b.fingerprint.high;
    const auto task_a = task(a);
    const auto task_b = task(b);
    return task_a != task_b ? task_a < task_b : a.entry.age() < b.entry.age();
  });
  std::uint64_t kept = 0;
  for (std::uint64_t i = 0; i < strays.size(); ++i) {
    const Stray& stray = strays[i];
    const bool repeated = i + 1 < strays.size() && strays[i + 1].fingerprint == stray.fingerprint &&
                          task(strays[i + 1]) == task(stray);
    if (!repeated && !catalog_.has_result_of(stray)) strays[kept++] = stray;
  }
  strays.resize(kept);
}

std::uint64_t Matcher::take_strays() {
  auto& strays = catalog_.strays();
  if (strays.empty()) return 0;
  std::sort(wanted_.begin(), wanted_.end(), [](const Wanted& a, const Wanted& b) {
    if (a.fingerprint.high != b.fingerprint.high)  // nearly always
      return a.fingerprint.high < b.fingerprint.high;
    return a.fingerprint.low != b.fingerprint.low ? a.fingerprint.low < b.fingerprint.low : a.index < b.index;
  });
  std::uint64_t moved = 0;
  const auto take = [&](Wanted& wanted, Stray& stray) {
    if (stray.entry.first != wanted.index) ++moved;
    Entry entry = stray.entry;
    entry.first = wanted.index;
    catalog_.add(entry);
    stray.entry.outcome = Outcome::none;  // it serves one task
    wanted.found = 1;
  };
  Stray* stray = strays.begin();
  for (Wanted* wanted = wanted_.begin(); wanted != wanted_.end();) {
    // All tasks that want one fingerprint, and all strays that have it.
    const Fingerprint fingerprint = wanted->fingerprint;
    Wanted* const first = wanted;
    while (wanted != wanted_.end() && wanted->fingerprint == fingerprint) ++wanted;
    while (stray != strays.end() && key(stray->fingerprint) < key(fingerprint)) ++stray;
    Stray* const first_stray = stray;
    while (stray != strays.end() && stray->fingerprint == fingerprint) ++stray;

    Stray* candidate = first_stray;
    for (Wanted* task = first; task != wanted; ++task) {
      while (candidate != stray && candidate->entry.first < task->index) ++candidate;
      while (candidate != stray && candidate->entry.first == task->index && !usable(candidate->entry))
        ++candidate;
      if (candidate != stray && candidate->entry.first == task->index) take(*task, *candidate);
    }
    candidate = first_stray;
    for (Wanted* task = first; task != wanted; ++task) {
      if (task->found != 0) continue;
      while (candidate != stray &&
             ((candidate->entry.binding & bound_to_index) != 0 || !usable(candidate->entry)))
        ++candidate;
      if (candidate == stray) break;
      take(*task, *candidate);
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
