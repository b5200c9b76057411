#include "store/catalog.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace tasker::store {

namespace {
constexpr std::uint64_t offset_limit = (std::uint64_t{1} << 48) - 1;
constexpr std::uint32_t attempt_limit = std::numeric_limits<std::uint16_t>::max();
}  // namespace

Catalog::Catalog(std::filesystem::path scratch, std::uint64_t tasks)
    : scratch_(std::move(scratch)), tasks_(tasks), slots_(scratch_), strays_(scratch_) {}

void Catalog::add(const std::filesystem::path& directory, const JournalName& name) {
  if (sources_.size() == std::numeric_limits<std::uint16_t>::max())
    throw SystemError(directory.string() + " holds more than 65535 journals");
  const auto source = static_cast<std::uint16_t>(sources_.size());
  const JournalReader& journal = sources_.emplace_back(directory, name);
  bytes_.push_back(journal.bytes());
  FrameReader frames = journal.frames();
  while (const auto frame = frames.next()) {
    make_slots();
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
      entry.source = source;
      entry.outcome = record->outcome;
      entry.binding = record->binding;
      insert(*record, entry);
    }
  }
  damaged_ += frames.damaged();
}

void Catalog::insert(const Record& record, const Entry& entry) {
  ++records_;
  record_bytes_ += record.argument.size() + record.payload.size() + record.output.size();
  if (!record.output.empty()) ++outputs_;
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
