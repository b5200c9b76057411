#include "store/merge.hpp"

#include "base/names.hpp"
#include "store/archive.hpp"
#include "store/archive_writer.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace tasker::store {

namespace fs = std::filesystem;
using detail::put;

namespace {

/// Gives the origins of all sources one common numbering.
class OriginTable {
 public:
  explicit OriginTable(const Catalog& catalog) : catalog_(catalog) {}

  std::uint32_t number(const Entry& entry, const FrameInfo& frame) {
    const auto [found, is_new] = numbers_.try_emplace({entry.source, frame.origin}, 0);
    if (!is_new) return found->second;
    const Origin* const known = catalog_.origin(entry);
    const Origin origin = known ? *known : Origin{};
    const auto same = std::find(origins_.begin(), origins_.end(), origin);
    found->second = static_cast<std::uint32_t>(same - origins_.begin());
    if (same == origins_.end()) origins_.push_back(origin);
    return found->second;
  }
  const std::vector<Origin>& origins() const { return origins_; }

 private:
  const Catalog& catalog_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint32_t> numbers_;
  std::vector<Origin> origins_;
};

class Merge {
 public:
  Merge(const Catalog& catalog, const Manifest& manifest, bool keep_arguments, std::uint64_t id)
      : catalog_(catalog), keep_arguments_(keep_arguments), origins_(catalog) {
    description_.id = id;
    description_.manifest = manifest;
    description_.carried = catalog.strays().size();
    std::set<JournalName> merged;  // one that has grown was read twice
    for (const JournalReader& source : catalog.sources()) merged.insert(source.name());
    for (const JournalName& name : merged) description_.merged.push_back(name.to_string());
    for (std::uint64_t i = 0; i < catalog.tasks(); ++i) {
      const Entry& slot = catalog.slot(i);
      if (!slot.done()) ++description_.failed;
      if (catalog.outputs() > 0 && !catalog.record(slot).output.empty()) ++outputs_;
      if (i == 0 || !together(catalog.slot(i - 1), slot)) ++extents_;
    }
  }

  /// An upper bound of the archive's size.
  std::uint64_t size() const {
    std::uint64_t size = catalog_.bytes() + catalog_.strays().size() * 2 * frame_header_size +
                         extents_ * extent_size + outputs_ * output_entry_size +
                         (catalog_.tasks() + 1) * (sizeof(Fingerprint) + 2 * sizeof(std::uint64_t));
    for (const JournalReader& source : catalog_.sources())  // names and origins in the description
      size += 512 * (1 + (source.header() ? source.header()->origins.size() : 0));
    return size + size / 1024 + (1U << 16);
  }

  Description write(const fs::path& path) {
    ArchiveWriter out(path);
    description_.result_stride = values(out, section::results, &Record::payload);
    if (!description_.result_stride) offsets(out, section::result_offsets, &Record::payload);
    if (keep_arguments_) {
      description_.argument_stride = values(out, section::arguments, &Record::argument);
      if (!description_.argument_stride) offsets(out, section::argument_offsets, &Record::argument);
    }
    fingerprints(out);
    extents(out);
    if (outputs_ > 0) outputs(out);
    carried(out);
    description_.origins = origins_.origins();
    out.finish(description_);
    return description_;
  }

 private:
  /// Returns the size of each of them, if all are alike.
  std::optional<std::uint64_t> values(ArchiveWriter& out, const char* name, std::string_view Record::*value) {
    out.begin(name);
    std::uint64_t least = UINT64_MAX;
    std::uint64_t most = 0;
    for (std::uint64_t i = 0; i < catalog_.tasks(); ++i) {
      const std::string_view bytes = catalog_.record(catalog_.slot(i)).*value;
      least = std::min<std::uint64_t>(least, bytes.size());
      most = std::max<std::uint64_t>(most, bytes.size());
      out.append(bytes);
    }
    return least == most ? std::optional(most) : std::nullopt;
  }

  void offsets(ArchiveWriter& out, const char* name, std::string_view Record::*value) {
    out.begin(name);
    std::uint64_t offset = 0;
    std::string bytes;
    for (std::uint64_t i = 0; i < catalog_.tasks(); ++i) {
      bytes.clear();
      put(bytes, offset);
      out.append(bytes);
      offset += (catalog_.record(catalog_.slot(i)).*value).size();
    }
    bytes.clear();
    put(bytes, offset);
    out.append(bytes);
  }

  void fingerprints(ArchiveWriter& out) {
    out.begin(section::fingerprints);
    std::string bytes;
    for (std::uint64_t i = 0; i < catalog_.tasks(); ++i) {
      bytes.clear();
      const Record record = catalog_.record(catalog_.slot(i));
      put(bytes, record.fingerprint.low);
      put(bytes, record.fingerprint.high);
      out.append(bytes);
    }
  }

  void extents(ArchiveWriter& out) {
    out.begin(section::extents);
    for (std::uint64_t i = 0; i < catalog_.tasks();) {
      const Entry& first = catalog_.slot(i);
      std::uint64_t last = i + 1;
      while (last < catalog_.tasks() && together(first, catalog_.slot(last))) ++last;
      Extent extent{i, last - i, {}, first.attempt, first.outcome, first.binding};
      if (first.outcome != Outcome::none) {
        extent.info = catalog_.frame(first);
        extent.info.origin = origins_.number(first, extent.info);
      }
      append(out, extent);
      i = last;
    }
  }

  static bool together(const Entry& a, const Entry& b) {
    if (a.outcome == Outcome::none || b.outcome == Outcome::none) return a.outcome == b.outcome;
    return a.source == b.source && a.frame == b.frame && a.attempt == b.attempt && a.outcome == b.outcome &&
           a.binding == b.binding;
  }

  static void append(ArchiveWriter& out, const Extent& extent) {
    std::string bytes;
    put(bytes, extent.first);
    put(bytes, extent.count);
    put(bytes, extent.info.start);
    put(bytes, extent.info.duration);
    put(bytes, extent.info.cpu_time);
    put(bytes, extent.info.memory);
    put(bytes, extent.info.origin);
    put(bytes, extent.info.records);
    put(bytes, extent.attempt);
    put(bytes, std::uint32_t{extent.binding} | static_cast<std::uint32_t>(extent.outcome));
    out.append(bytes);
  }

  void outputs(ArchiveWriter& out) {
    values(out, section::outputs, &Record::output);
    out.begin(section::output_index);
    std::uint64_t offset = 0;
    for (std::uint64_t i = 0; i < catalog_.tasks(); ++i) {
      const std::uint64_t size = catalog_.record(catalog_.slot(i)).output.size();
      if (size == 0) continue;
      std::string bytes;
      put(bytes, i);
      put(bytes, offset);
      put(bytes, size);
      out.append(bytes);
      offset += size;
    }
  }

  void carried(ArchiveWriter& out) {
    if (catalog_.strays().empty()) return;
    out.begin(section::carried);
    std::string head;
    for (const Stray& stray : catalog_.strays()) {
      const Record record = catalog_.record(stray.entry);
      FrameInfo info = catalog_.frame(stray.entry);
      info.origin = origins_.number(stray.entry, info);
      head.clear();
      put_record_head(head, record);
      out.append(frame_header(info, head, record.payload, description_.id));
      out.append(head);
      out.append(record.payload);
    }
  }

  const Catalog& catalog_;
  bool keep_arguments_;
  Description description_;
  OriginTable origins_;
  std::uint64_t extents_ = 0;
  std::uint64_t outputs_ = 0;
};

}  // namespace

namespace {

/// Whether the archive `replaces` is what lies there.
bool is_there(const fs::path& file, std::optional<std::uint64_t> replaces) {
  try {
    const auto archive = replaces ? Archive::open(file) : nullptr;
    return archive && archive->description().id == *replaces;
  } catch (const SystemError&) {
    throw;
  } catch (const Error&) {
    return false;  // not an archive of this program
  }
}

/// What came there while the map ran is somebody's.
void publish(const Fence& fence, const fs::path& file, std::optional<std::uint64_t> replaces) {
  if (is_there(file, replaces))
    fence.publish(unfinished_archive, file);
  else if (!fence.publish_new(unfinished_archive, file))
    throw MismatchError(file.string() +
                        " has come there while the map ran, and stays as it is; all results are in " +
                        fence.directory().string() + ": move the file away, then run the same command again");
  base::sync_directory(file.parent_path());
}

}  // namespace

Description merge(const Catalog& catalog, const Fence& fence, const fs::path& file, const Manifest& manifest,
                  bool keep_arguments, std::optional<std::uint64_t> replaces, std::uint64_t id) {
  Merge merge(catalog, manifest, keep_arguments, id);
  const std::uint64_t room = base::free_space(fence.path());
  if (room < merge.size())
    throw SystemError("cannot write " + file.string() + ": it needs up to " + std::to_string(merge.size()) +
                      " bytes, there are " + std::to_string(room) +
                      "; free some space, then run the same command again: all results are kept");
  const fs::path unfinished = fence.unfinished(unfinished_archive);
  base::remove_file(unfinished);  // somebody's link
  Description description = merge.write(unfinished);
  base::open_to_all(unfinished);
  publish(fence, file, replaces);
  return description;
}

bool remove_merged(const Fence& fence, const std::vector<std::string>& merged) {
  const fs::path& directory = fence.directory();
  try {
    for (const std::string& name : merged)
      if (JournalName::parse(name)) fence.remove(directory / name);
    if (!list_journals(directory).empty()) return false;
    fence.remove_leftovers();
    for (const StateName& name : list_states(directory)) fence.remove(directory / name.to_string());
    // The manifest says whose directory it is, so it stays as long as there is anything else.
    fence.remove(list_path(directory));
    fence.remove(manifest_path(directory));
    return true;
  } catch (const Error&) {
    // The archive is there: what can't be removed is no reason to fail.
    return false;
  }
}

}  // namespace tasker::store
