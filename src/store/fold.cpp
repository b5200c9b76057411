#include "store/fold.hpp"

#include "base/hash.hpp"
#include "store/journal.hpp"

#include <tasker/error.hpp>

#include <algorithm>

namespace tasker::store {

namespace fs = std::filesystem;

namespace {

/// A body above this is written out.
constexpr std::size_t body_limit = std::size_t{1} << 18;

/// A journal that gets its name when it is complete.
class UnfinishedJournal {
 public:
  UnfinishedJournal(const Fence& fence, const JournalName& name, JournalHeader header)
      : fence_(fence),
        name_(name.to_string()),
        writer_(fence.unfinished(name_), name.id, std::move(header)) {}

  JournalWriter& writer() { return writer_; }
  void publish() {
    writer_.sync_bytes();
    writer_.close();
    fence_.publish(name_, fence_.directory() / name_);
    base::sync_directory(fence_.directory());
  }

 private:
  const Fence& fence_;
  std::string name_;
  JournalWriter writer_;
};

/// A result is not given up for its output.
std::string_view output_of(const Archive& archive, std::uint64_t index) {
  try {
    return archive.output_bytes(index);
  } catch (const DamagedError&) {
    return {};
  }
}

/// Appends the tasks of one extent; returns how many results are among them.
std::uint64_t import_extent(JournalWriter& writer, const Archive& archive, const Extent& extent) {
  std::uint64_t results = 0;
  std::string body;
  const auto write = [&](std::string_view tail = {}) {
    if (!body.empty()) writer.append(extent.info, body, tail);
    body.clear();
  };
  for (std::uint64_t index = extent.first; index < extent.first + extent.count; ++index) {
    try {
      Record record;
      record.index = index;
      record.fingerprint = archive.fingerprint(index);
      record.outcome = extent.outcome;
      record.binding = extent.binding;
      record.attempt = extent.attempt;
      record.argument = archive.argument(index).value_or("");
      record.payload = archive.payload(index);
      record.output = output_of(archive, index);
      if (record.payload.size() > body_limit) write();
      put_record_head(body, record);
      if (record.payload.size() > body_limit)
        write(record.payload);
      else
        body += record.payload;
      if (body.size() > body_limit) write();
      if (record.outcome == Outcome::done) ++results;
    } catch (const DamagedError&) {
      // The others are whole.
    }
  }
  write();
  return results;
}

/// Appends what is whole of an archive; returns how many results that is.
std::uint64_t import_whole(JournalWriter& writer, const Archive& archive) {
  std::uint64_t results = 0;
  // What the archive carried gives way to its own tasks' results.
  FrameReader carried(archive.carried(), 0, archive.description().id);
  while (const auto frame = carried.next()) {
    writer.append(frame->info, frame->body);
    ++results;
  }
  std::uint64_t behind = 0;
  for (std::uint64_t i = 0; i < archive.extent_count(); ++i) {
    try {
      const Extent extent = archive.extent(i);
      if (extent.first < behind || extent.first > archive.size() ||
          extent.count > archive.size() - extent.first)
        continue;
      behind = extent.first + extent.count;
      if (extent.outcome != Outcome::none) results += import_extent(writer, archive, extent);
    } catch (const DamagedError&) {
      // The others are whole.
    }
  }
  return results;
}

/// But those to which somebody may still write.
void remove_journals(const Fence& fence, const std::vector<std::string>& names) {
  const std::vector<std::string> ghosts = list_ghosts(fence.directory());
  for (const std::string& name : names) {
    const auto journal = JournalName::parse(name);
    if (journal && std::ranges::find(ghosts, base::to_hex(journal->id)) == ghosts.end())
      fence.remove(fence.directory() / name);
  }
}

}  // namespace

std::uint64_t fold_journals(const Fence& fence, const std::vector<JournalName>& journals) {
  JournalHeader header;
  header.origins.emplace_back();            // what nothing is known of
  std::vector<std::uint32_t> first_origin;  // of each journal, in the common table
  std::vector<JournalReader> readers;
  for (const JournalName& name : journals) {
    const JournalReader& reader = readers.emplace_back(fence.directory(), name);
    first_origin.push_back(static_cast<std::uint32_t>(header.origins.size()));
    if (reader.header()) {
      header.manifest = reader.header()->manifest;
      header.origins.insert(header.origins.end(), reader.header()->origins.begin(),
                            reader.header()->origins.end());
    }
    header.folded.push_back(name.to_string());
  }
  UnfinishedJournal fold(fence, {journals.back().sequence, base::random_id(), JournalName::fold}, header);
  std::uint64_t damaged = 0;
  for (std::size_t i = 0; i < readers.size(); ++i) {
    FrameReader frames = readers[i].frames();
    while (auto frame = frames.next()) {
      const bool known = readers[i].header() && frame->info.origin < readers[i].header()->origins.size();
      frame->info.origin = known ? first_origin[i] + frame->info.origin : 0;
      fold.writer().append(frame->info, frame->body);
    }
    damaged += frames.damaged();
  }
  if (fold.writer().created()) fold.publish();
  remove_journals(fence, header.folded);
  return damaged;
}

void remove_folded(const Fence& fence) {
  const fs::path& directory = fence.directory();
  for (const JournalName& name : list_journals(directory)) {
    if (name.rank != JournalName::fold || !base::file_exists(directory / name.to_string())) continue;
    const JournalReader fold(directory, name);
    if (!fold.header()) continue;
    std::vector<std::string> folded = fold.header()->folded;
    std::erase(folded, name.to_string());
    base::sync_directory(directory);  // the killed fold may not have come to that
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
  UnfinishedJournal journal(fence, name, header);
  const std::uint64_t results = import_whole(journal.writer(), archive);
  if (journal.writer().created()) journal.publish();
  remove_journals(fence, header.folded);
  const std::uint64_t held = archive.size() - description.failed + description.carried;
  return held - std::min(held, results);
}

}  // namespace tasker::store
