#include "store/catalog.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace tasker::store {

namespace {

constexpr std::uint64_t offset_limit = (std::uint64_t{1} << 44) - 1;
constexpr std::uint64_t source_limit = (std::uint64_t{1} << 20) - 1;

}  // namespace

Entry Entry::part(std::uint64_t from, std::uint64_t to) const {
  Entry part = *this;
  part.first = from;
  part.count = static_cast<std::uint32_t>(to - from);
  part.record += static_cast<std::uint32_t>(from - first);
  return part;
}

bool Entry::is_continued_by(const Entry& next) const {
  return last() == next.first && record + count == next.record && frame == next.frame &&
         source == next.source && attempt == next.attempt && outcome == next.outcome &&
         binding == next.binding;
}

void append(Entries& entries, const Entry& entry) {
  if (entry.count == 0) return;
  if (!entries.empty() && entries.end()[-1].is_continued_by(entry))
    entries.end()[-1].count += entry.count;
  else
    entries.push_back(entry);
}

Entry find(const Entries& entries, std::uint64_t index) {
  const Entry* const behind =
      std::upper_bound(entries.begin(), entries.end(), index,
                       [](std::uint64_t wanted, const Entry& entry) { return wanted < entry.first; });
  if (behind == entries.begin() || behind[-1].last() <= index) return {};
  return behind[-1].only(index);
}

Catalog::Catalog(std::filesystem::path scratch, std::uint64_t tasks)
    : scratch_(std::move(scratch)), tasks_(tasks), slots_(scratch_), added_(scratch_), strays_(scratch_) {}

void Catalog::add(const std::filesystem::path& directory, const JournalName& name) {
  read_.erase(name);
  read(directory, name, false);
}

void Catalog::read(const std::filesystem::path& directory, const JournalName& name, bool late) {
  std::uint64_t& end = read_[name];
  JournalReader journal(directory, name);
  if (journal.bytes().size() <= end && end > 0) return;
  if (sources_.size() == source_limit)
    throw SystemError(directory.string() + " holds more than " + std::to_string(source_limit) + " journals");
  const std::uint64_t source = sources_.size();
  FrameReader frames = sources_.emplace_back(std::move(journal)).frames(end);
  const std::string_view bytes = sources_.back().bytes();
  const auto& header = sources_.back().header();
  while (const auto frame = frames.next()) {
    const auto offset = static_cast<std::uint64_t>(frame->bytes().data() - bytes.data());
    if (offset > offset_limit) break;
    end = offset + frame->bytes().size();
    const bool known = header && frame->info().origin < header->origins.size();
    if (!known && !frame->has(FrameColumn::fingerprints)) continue;  // nobody knows what these are results of
    bytes_ += frame->bytes().size();
    Entry entry;
    entry.frame = offset & offset_limit;
    entry.source = source & source_limit;
    for (; entry.record < frame->records(); entry.record += entry.count) {
      const Record record = (*frame)[entry.record];
      entry.first = record.index;
      entry.count = frame->alike(entry.record);
      entry.attempt = static_cast<std::uint16_t>(record.attempt);
      entry.outcome = record.outcome;
      entry.binding = record.binding;
      const bool exists = entry.first <= UINT64_MAX - entry.count;  // no map has such an index
      if (entry.outcome != Outcome::none && exists) insert(entry, late);
    }
  }
  damaged_ += frames.damaged();
}

void Catalog::insert(const Entry& entry, bool late) {
  // When the arguments are matched, nothing gets into a slot any more.
  const std::uint64_t end = late ? entry.first : std::clamp(tasks_, entry.first, entry.last());
  if (!late) records_ += entry.count;
  if (end > entry.first) added_.push_back(entry.part(entry.first, end));
  if (!entry.done()) return;
  for (std::uint64_t index = end; index < entry.last(); ++index) {
    const Entry one = entry.only(index);
    const Stray stray{one, fingerprint(one)};
    if (late && has_result_of(stray)) continue;
    if (late) ++records_;
    strays_.push_back(stray);
  }
}

void Catalog::settle() {
  if (added_.empty()) return;
  added_.append({slots_.begin(), slots_.end()});
  slots_.resize(0);
  std::sort(added_.begin(), added_.end(), [](const Entry& a, const Entry& b) {
    return a.first != b.first ? a.first < b.first : a.age() < b.age();
  });
  // Those that include the task `at`, the oldest first: more than one where a task was recorded several
  // times.
  std::vector<Entry> here;
  std::uint64_t at = 0;
  const auto proceed = [&](std::uint64_t to) {
    while (!here.empty() && at < to) {
      std::uint64_t end = to;
      for (const Entry& entry : here) end = std::min(end, entry.last());
      resolve(at, end, here);
      at = end;
      std::erase_if(here, [&](const Entry& entry) { return entry.last() == at; });
    }
    at = to;
  };
  for (const Entry& entry : added_) {
    proceed(entry.first);
    here.insert(std::ranges::upper_bound(here, entry.age(), {}, &Entry::age), entry);
  }
  proceed(UINT64_MAX);
  added_.resize(0);
}

/// Fills the slots of these tasks, all of which each of the entries includes. A later record replaces an
/// earlier one, unless that is the better one.
void Catalog::resolve(std::uint64_t first, std::uint64_t last, std::span<const Entry> entries) {
  if (entries.size() == 1) return append(slots_, entries[0].part(first, last));
  for (std::uint64_t index = first; index < last; ++index) {
    Entry slot = entries[0].only(index);
    for (const Entry& later : entries.subspan(1)) {
      const Entry entry = later.only(index);
      if (slot.done()) {
        const Stray stray{slot, fingerprint(slot)};
        const bool same = stray.fingerprint == fingerprint(entry);
        if (same && !entry.done()) continue;
        if (!same || bound_count(slot) != bound_count(entry)) strays_.push_back(stray);
      }
      // The ranks of a run try a task by turns, and their journals are read in another order.
      if (!slot.done() && !entry.done() && entry.attempt < slot.attempt &&
          fingerprint(slot) == fingerprint(entry))
        continue;
      slot = entry;
    }
    append(slots_, slot);
  }
}

std::optional<std::uint64_t> Catalog::first_missing() const {
  std::uint64_t at = 0;
  for (const Entry& entry : slots_) {
    if (entry.first > at || !entry.done()) return at;
    at = entry.last();
  }
  return at < tasks_ ? std::optional(at) : std::nullopt;
}

bool Catalog::has_result_of(const Stray& stray) const {
  if (stray.entry.first >= tasks_) return false;
  const Entry slot = this->slot(stray.entry.first);
  return slot.done() && bound_count(slot) == bound_count(stray.entry) &&
         fingerprint(slot) == stray.fingerprint;
}

Frame Catalog::frame(const Entry& entry) const {
  // It was whole when it was read; the mapping has not changed since.
  if (const auto frame = Frame::at(sources_[entry.source].bytes().substr(entry.frame))) return *frame;
  throw DamagedError("a record of " + sources_[entry.source].name().to_string() +
                     " changed while it was read");
}

Record Catalog::record(const Entry& entry) const {
  if (entry.outcome == Outcome::none) return {};
  return frame(entry)[entry.record];
}

const Origin* Catalog::origin(const Entry& entry) const {
  const auto& header = sources_[entry.source].header();
  const std::uint32_t number = frame(entry).info().origin;
  return header && number < header->origins.size() ? &header->origins[number] : nullptr;
}

Digest Catalog::declared(const Entry& entry) const {
  const Origin* const known = origin(entry);
  return known ? known->declared : Digest{};
}

std::uint64_t Catalog::bound_count(const Entry& entry) const {
  if ((entry.binding & bound_to_count) == 0) return 0;
  const Origin* const known = origin(entry);
  return known ? known->tasks : UINT64_MAX;
}

Fingerprint Catalog::fingerprint(const Entry& entry) const {
  const Record found = record(entry);
  if (found.fingerprint) return *found.fingerprint;
  return Fingerprinter(declared(entry))(found.argument);
}

}  // namespace tasker::store
