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
constexpr std::uint32_t attempt_limit = std::numeric_limits<std::uint16_t>::max();
}  // namespace

Catalog::Catalog(std::filesystem::path scratch, std::uint64_t tasks)
    : scratch_(std::move(scratch)), tasks_(tasks), slots_(scratch_), strays_(scratch_) {}

void Catalog::add(const std::filesystem::path& directory, const JournalName& name) {
  read(directory, name, 0, [this](const Record& record, const Entry& entry) { insert(record, entry); });
}

void Catalog::add_late(const std::filesystem::path& directory, const JournalName& name) {
  const auto known = read_.find(name);
  read(directory, name, known == read_.end() ? 0 : known->second,
       [this](const Record& record, const Entry& entry) { insert_late(record, entry); });
}

/// Calls `insert` with the records of all frames from that offset on.
template <class Insert>
void Catalog::read(const std::filesystem::path& directory, const JournalName& name, std::uint64_t from,
                   Insert insert) {
  JournalReader journal(directory, name);
  if (journal.bytes().size() <= from && from > 0) return;
  if (sources_.size() == source_limit)
    throw SystemError(directory.string() + " holds more than " + std::to_string(source_limit) + " journals");
  const std::uint64_t source = sources_.size();
  bytes_.push_back(sources_.emplace_back(std::move(journal)).bytes());
  FrameReader frames = sources_.back().frames(from);
  std::uint64_t end = from;
  while (const auto frame = frames.next()) {
    make_slots();
    end = frame->offset + frame_header_size + frame->body.size();
    RecordReader records(frame->body);
    for (;;) {
      const std::size_t offset = records.offset();
      const auto record = records.next();
      if (!record || offset > std::numeric_limits<std::uint32_t>::max() || frame->offset > offset_limit)
        break;
      if (record->outcome == Outcome::none) continue;
      Entry entry;
      entry.frame = frame->offset & offset_limit;
      entry.record = static_cast<std::uint32_t>(offset);
      entry.attempt = static_cast<std::uint16_t>(std::min(record->attempt, attempt_limit));
      entry.source = source & source_limit;
      entry.outcome = record->outcome;
      entry.binding = record->binding;
      insert(*record, entry);
    }
  }
  read_[name] = end;
  damaged_ += frames.damaged();
}

void Catalog::count(const Record& record) {
  ++records_;
  record_bytes_ += record.argument.size() + record.payload.size() + record.output.size();
  if (!record.output.empty()) ++outputs_;
}

void Catalog::insert(const Record& record, const Entry& entry) {
  count(record);
  const std::uint64_t index = record.index;
  if (index >= tasks_) {
    if (entry.done()) strays_.push_back({entry, record.fingerprint, index});
    return;
  }
  Entry& slot = slots_[index];
  if (slot.done()) {
    const Fingerprint other = this->record(slot).fingerprint;
    const bool same = other == record.fingerprint;
    if (same && !entry.done()) return;
    if (!same || bound_count(slot) != bound_count(entry)) strays_.push_back({slot, other, index});
  }
  slot = entry;
}

void Catalog::insert_late(const Record& record, const Entry& entry) {
  if (!entry.done()) return;
  const std::uint64_t index = record.index;
  if (index < tasks_ && slots_[index].done() && bound_count(slots_[index]) == bound_count(entry) &&
      this->record(slots_[index]).fingerprint == record.fingerprint)
    return;
  count(record);
  strays_.push_back({entry, record.fingerprint, index});
}

std::uint64_t Catalog::bound_count(const Entry& entry) const {
  if ((entry.binding & bound_to_count) == 0) return 0;
  const Origin* const known = origin(entry);
  return known ? known->tasks : UINT64_MAX;
}

Record Catalog::record(const Entry& entry) const {
  if (entry.outcome == Outcome::none) return {};
  // The frame was verified when it was read; the mapping has not changed since.
  const std::string_view bytes = bytes_[entry.source];
  const char* at = bytes.data() + entry.frame + frame_header_size + entry.record;
  Record record;
  if (!get_record(at, bytes.data() + bytes.size(), record))
    throw DamagedError("a record of " + sources_[entry.source].name().to_string() +
                       " changed while it was read");
  return record;
}

FrameInfo Catalog::frame(const Entry& entry) const {
  detail::Reader in(bytes_[entry.source].substr(entry.frame, frame_header_size));
  return read_frame_info(in);
}

const Origin* Catalog::origin(const Entry& entry) const {
  const auto& header = sources_[entry.source].header();
  const std::uint32_t number = frame(entry).origin;
  return header && number < header->origins.size() ? &header->origins[number] : nullptr;
}

}  // namespace tasker::store
