#include "store/fold.hpp"

#include "base/hash.hpp"
#include "store/frame_builder.hpp"
#include "store/ghosts.hpp"
#include "store/journal.hpp"

#include <tasker/error.hpp>

#include <algorithm>

namespace tasker::store {

namespace fs = std::filesystem;

namespace {

/// A frame is written as soon as its body exceeds this size.
constexpr std::size_t body_limit = std::size_t{1} << 18;

/// Gives the journal that grew in the fence its name, if anything was written to it.
void publish(const Fence& fence, const std::string& name, JournalWriter& journal) {
  if (!journal.created()) return;
  journal.close(true);
  fence.publish(name, fence.directory() / name);
  base::sync_directory_and_name(fence.directory());
}

/// What `read` reads of an archive; nothing if that is damaged: what is whole is worth keeping without it.
template <class Read>
auto if_whole(Read read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const DamagedError&) {
    return std::nullopt;
  }
}

/// Appends the tasks of one extent; returns how many results are among them.
std::uint64_t import_extent(JournalWriter& writer, const Archive& archive, const Extent& extent) {
  std::uint64_t results = 0;
  const auto& origins = archive.description().origins;
  const Fingerprinter fingerprinter(extent.info.origin < origins.size() ? origins[extent.info.origin].declared
                                                                        : Digest{});
  FrameBuilder frame(fingerprinter, true);
  const auto write = [&] {
    if (frame.records() > 0) writer.append(frame.frame(extent.info));
    frame.clear();
  };
  for (std::uint64_t index = extent.first; index < extent.first + extent.count; ++index) {
    try {
      Record record;
      record.index = index;
      if (archive.has_fingerprints()) record.fingerprint = archive.fingerprint(index);
      record.outcome = extent.outcome;
      record.binding = extent.binding;
      record.attempt = extent.attempt;
      record.argument = archive.argument(index).value_or("");
      record.payload = archive.payload(index);
      record.output = if_whole([&] { return archive.output_bytes(index); }).value_or("");
      const bool large = record.argument.size() + record.payload.size() + record.output.size() > body_limit;
      large ? frame.add_last(record) : frame.add(record);
      if (large || frame.size() > body_limit || frame.is_full()) write();
      if (record.outcome == Outcome::done) ++results;
    } catch (const DamagedError&) {
      // The other records are whole.
    }
  }
  write();
  return results;
}

/// Appends all records of an archive that are whole; returns how many results are among them.
std::uint64_t import_whole(JournalWriter& writer, const Archive& archive) {
  std::uint64_t results = 0;
  // The carried records come first: later records count, and those are of the archive's own tasks.
  FrameReader carried(archive.carried(), 0, archive.description().id);
  while (const auto frame = carried.next()) {
    writer.append(frame->parts());
    ++results;
  }
  std::uint64_t behind = 0;
  for (std::uint64_t i = 0; i < archive.extent_count(); ++i) {
    const auto extent = if_whole([&] { return archive.extent(i); });
    if (!extent || extent->first < behind || extent->first > archive.size() ||
        extent->count > archive.size() - extent->first)
      continue;
    behind = extent->first + extent->count;
    if (extent->outcome != Outcome::none) results += import_extent(writer, archive, *extent);
  }
  return results;
}

/// Removes those journals to which no ghost may still write: they have nothing that is not elsewhere.
void remove_journals(const Fence& fence, const std::vector<std::string>& names) {
  const Ghosts ghosts(fence.directory());
  for (const std::string& name : names) {
    const auto journal = JournalName::parse(name);
    if (journal && !ghosts.may_write(*journal)) fence.remove(fence.directory() / name);
  }
}

}  // namespace

std::uint64_t fold_journals(const Fence& fence, const std::vector<JournalName>& journals) {
  JournalHeader header;
  std::vector<JournalReader> readers;
  for (const JournalName& name : journals) {
    const JournalReader& reader = readers.emplace_back(fence.directory(), name);
    header.folded.push_back(name.to_string());
    if (!reader.header()) continue;
    header.manifest = reader.header()->manifest;
    const std::vector<Origin>& origins = reader.header()->origins;
    header.origins.insert(header.origins.end(), origins.begin(), origins.end());
  }
  const JournalName name{journals.back().sequence, base::random_id(), JournalName::fold};
  JournalWriter fold(fence.unfinished(name.to_string()), name.id, header);
  std::uint64_t damaged = 0;
  std::uint32_t first_origin = 0;  // of this journal, in the common table
  for (const JournalReader& reader : readers) {
    const auto origins = static_cast<std::uint32_t>(reader.header() ? reader.header()->origins.size() : 0);
    FrameReader frames = reader.frames();
    while (const auto frame = frames.next()) {
      const std::uint32_t origin = frame->info().origin;
      FrameParts parts = frame->parts();
      const std::string moved =
          with_origin(parts.header, origin < origins ? first_origin + origin : unknown_origin);
      parts.header = moved;
      fold.append(parts);
    }
    first_origin += origins;
    damaged += frames.damaged();
  }
  publish(fence, name.to_string(), fold);
  remove_journals(fence, header.folded);
  return damaged;
}

void remove_folded(const Fence& fence, const std::vector<JournalName>& journals) {
  const fs::path& directory = fence.directory();
  for (const JournalName& name : journals) {
    if (name.rank != JournalName::fold || !base::file_exists(directory / name.to_string())) continue;
    const JournalReader fold(directory, name);
    if (!fold.header()) continue;
    std::vector<std::string> folded = fold.header()->folded;
    std::erase(folded, name.to_string());
    base::sync_directory_and_name(directory);  // the fold may have been killed before it did so
    remove_journals(fence, folded);
  }
}

std::uint64_t import_archive(const Fence& fence, const Archive& archive) {
  const Description& description = archive.description();
  const JournalName name{0, description.id, JournalName::fold};
  if (base::file_exists(fence.directory() / name.to_string())) return 0;
  JournalHeader header{description.manifest, description.origins};
  if (archive.is_whole()) header.folded = description.merged;
  std::erase(header.folded, name.to_string());
  JournalWriter journal(fence.unfinished(name.to_string()), name.id, header);
  const std::uint64_t results = import_whole(journal, archive);
  publish(fence, name.to_string(), journal);
  remove_journals(fence, header.folded);
  const std::uint64_t held = archive.size() - description.failed + description.carried;
  return held - std::min(held, results);
}

}  // namespace tasker::store
