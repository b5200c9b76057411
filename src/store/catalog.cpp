#include "store/catalog.hpp"

#include <tasker/error.hpp>

#include <limits>
#include <utility>

namespace tasker::store {

Catalog::Catalog(std::filesystem::path scratch, std::uint64_t tasks)
    : scratch_(std::move(scratch)), tasks_(tasks), slots_(scratch_), strays_(scratch_) {}

void Catalog::add(const std::filesystem::path& directory, const JournalName& name) {
  if (sources_.size() == std::numeric_limits<std::uint16_t>::max())
    throw SystemError(directory.string() + " holds more than 65535 journals");
  const auto source = static_cast<std::uint16_t>(sources_.size());
  const JournalReader& journal = sources_.emplace_back(directory, name);
  FrameReader frames = journal.frames();
  while (const auto frame = frames.next()) {
    make_slots();
    RecordReader records(frame->body);
    for (;;) {
      const std::size_t offset = records.offset();
      const auto record = records.next();
      if (!record || offset > std::numeric_limits<std::uint32_t>::max()) break;
      if (record->outcome == Outcome::none) continue;
      Entry entry;
      entry.fingerprint = record->fingerprint;
      entry.frame = frame->offset;
      entry.payload = record->payload.size();
      entry.argument = record->argument.size();
      entry.record = static_cast<std::uint32_t>(offset);
      entry.attempt = record->attempt;
      entry.source = source;
      entry.outcome = record->outcome;
      entry.binding = record->binding;
      insert(record->index, entry);
    }
  }
  damaged_ += frames.damaged();
}

void Catalog::insert(std::uint64_t index, const Entry& entry) {
  ++records_;
  if (index >= tasks_) {
    if (entry.done()) strays_.push_back({entry, index});
    return;
  }
  Entry& slot = slots_[index];
  const bool same = slot.fingerprint == entry.fingerprint;
  if (slot.done()) {
    if (same && !entry.done()) return;
    if (!same || bound_count(slot) != bound_count(entry)) strays_.push_back({slot, index});
  }
  slot = entry;
}

std::uint64_t Catalog::bound_count(const Entry& entry) const {
  if ((entry.binding & bound_to_count) == 0) return 0;
  const Origin* const known = origin(entry);
  return known ? known->tasks : UINT64_MAX;
}

Record Catalog::record(const Entry& entry) const {
  // The frame was verified when it was read; the mapping has not changed since.
  const std::string_view bytes =
      sources_[entry.source].bytes().substr(entry.frame + frame_header_size + entry.record);
  auto record = RecordReader(bytes).next();
  if (!record)
    throw DamagedError("a record of " + sources_[entry.source].name().to_string() +
                       " changed while it was read");
  return *record;
}

FrameInfo Catalog::frame(const Entry& entry) const {
  detail::Reader in(sources_[entry.source].bytes().substr(entry.frame, frame_header_size));
  return read_frame_info(in);
}

const Origin* Catalog::origin(const Entry& entry) const {
  const auto& header = sources_[entry.source].header();
  const std::uint32_t number = frame(entry).origin;
  return header && number < header->origins.size() ? &header->origins[number] : nullptr;
}

}  // namespace tasker::store
