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
  UnfinishedJournal(const fs::path& directory, const JournalName& name, JournalHeader header)
      : path_(directory / name.to_string()),
        unfinished_(path_.string() + "." + base::to_hex(base::random_id())),
        writer_(unfinished_, name.id, std::move(header)) {}

  JournalWriter& writer() { return writer_; }
  void publish() {
    writer_.sync();
    writer_.close();
    fs::rename(unfinished_, path_);
    base::sync_directory(path_.parent_path());
  }

 private:
  fs::path path_;
  fs::path unfinished_;
  JournalWriter writer_;
};

/// Appends the tasks of one extent; returns how many of them are damaged.
std::uint64_t import_extent(JournalWriter& writer, const Archive& archive, const Extent& extent) {
  std::uint64_t damaged = 0;
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
      if (record.payload.size() > body_limit) write();
      put_record_head(body, record);
      body += record.argument;
      if (record.payload.size() > body_limit)
        write(record.payload);
      else
        body += record.payload;
      if (body.size() > body_limit) write();
    } catch (const DamagedError&) {
      ++damaged;
    }
  }
  write();
  return damaged;
}

}  // namespace

void fold_journals(const fs::path& directory, const std::vector<JournalName>& journals) {
  JournalHeader header;
  std::vector<std::uint32_t> first_origin;  // of each journal, in the common table
  std::vector<JournalReader> readers;
  for (const JournalName& name : journals) {
    const JournalReader& reader = readers.emplace_back(directory, name);
    first_origin.push_back(static_cast<std::uint32_t>(header.origins.size()));
    if (reader.header()) {
      header.manifest = reader.header()->manifest;
      header.origins.insert(header.origins.end(), reader.header()->origins.begin(),
                            reader.header()->origins.end());
    } else {
      header.origins.emplace_back();
    }
    header.folded.push_back(name.to_string());
  }
  UnfinishedJournal fold(directory, {journals.back().sequence, base::random_id(), JournalName::fold}, header);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    FrameReader frames = readers[i].frames();
    while (auto frame = frames.next()) {
      frame->info.origin += first_origin[i];
      fold.writer().append(frame->info, frame->body);
    }
  }
  if (fold.writer().created()) fold.publish();
  for (const JournalName& name : journals) fs::remove(directory / name.to_string());
}

void remove_folded(const fs::path& directory) {
  for (const JournalName& name : list_journals(directory)) {
    if (name.rank != JournalName::fold) continue;
    const JournalReader fold(directory, name);
    if (!fold.header()) continue;
    for (const std::string& folded : fold.header()->folded)
      if (JournalName::parse(folded) && folded != name.to_string()) fs::remove(directory / folded);
  }
}

std::uint64_t import_archive(const fs::path& directory, const Archive& archive) {
  const JournalName name{0, archive.description().id, JournalName::fold};
  if (fs::exists(directory / name.to_string())) return 0;
  UnfinishedJournal journal(
      directory, name,
      {archive.description().manifest, archive.description().origins, archive.description().merged});
  std::uint64_t damaged = 0;
  for (std::uint64_t i = 0; i < archive.extent_count(); ++i) {
    try {
      const Extent extent = archive.extent(i);
      if (extent.outcome == Outcome::none) continue;
      const std::uint64_t behind = std::min(extent.first, archive.size());
      damaged += import_extent(journal.writer(), archive,
                               {behind, std::min(extent.count, archive.size() - behind), extent.info,
                                extent.attempt, extent.outcome, extent.binding});
    } catch (const DamagedError&) {
      ++damaged;  // at least: how many tasks it stood for is lost with it
    }
  }
  FrameReader carried(archive.carried(), 0, archive.description().id);
  while (const auto frame = carried.next()) journal.writer().append(frame->info, frame->body);
  if (journal.writer().created()) journal.publish();
  return damaged;
}

}  // namespace tasker::store
