#include "store/merge.hpp"

#include "base/names.hpp"
#include "store/archive.hpp"
#include "store/archive_writer.hpp"
#include "store/frame_builder.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace tasker::store {

namespace fs = std::filesystem;

namespace {

class Merge {
 public:
  Merge(const Catalog& catalog, const Manifest& manifest, bool keep_arguments, std::uint64_t id)
      : catalog_(catalog), keep_arguments_(keep_arguments) {
    description_.id = id;
    description_.manifest = manifest;
    description_.carried = catalog.strays().size();
    std::set<JournalName> merged;  // a set, since a journal that has grown was read twice
    for (const JournalReader& source : catalog.sources()) merged.insert(source.name());
    for (const JournalName& name : merged) description_.merged.push_back(name.to_string());
    description_.failed = catalog.tasks();
    Digest declared;
    needs_fingerprints_ = !keep_arguments || !base::from_hex(manifest.digest, declared);
    for (const Entry& entry : catalog.slots()) {
      if (entry.done()) description_.failed -= entry.count;
      needs_fingerprints_ = needs_fingerprints_ || catalog.declared(entry) != declared ||
                            catalog.frame(entry).has(FrameColumn::fingerprints);
    }
    each_output([this](std::uint64_t, std::string_view) { ++outputs_; });
  }

  /// An upper bound of the archive's size.
  std::uint64_t size() const {
    const std::uint64_t each =
        (keep_arguments_ ? 2 : 1) * sizeof(std::uint64_t) + (needs_fingerprints_ ? sizeof(Fingerprint) : 0);
    std::uint64_t size = catalog_.bytes() + catalog_.strays().size() * 2 * frame_header_size +
                         (2 * catalog_.slots().size() + 1) * extent_size + outputs_ * output_entry_size +
                         (catalog_.tasks() + 1) * each;
    for (const JournalReader& source : catalog_.sources())  // for names and origins in the description
      size += 512 * (1 + (source.header() ? source.header()->origins.size() : 0));
    return size + size / 1024 + (1U << 16);
  }

  Description write(const fs::path& path) {
    ArchiveWriter out(path);
    description_.result_stride =
        column(out, FrameColumn::payloads, section::results, section::result_offsets);
    if (keep_arguments_)
      description_.argument_stride =
          column(out, FrameColumn::arguments, section::arguments, section::argument_offsets);
    if (needs_fingerprints_) fingerprints(out);
    extents(out);
    if (outputs_ > 0) outputs(out);
    carried(out);
    out.finish(description_);
    return description_;
  }

 private:
  /// Calls `visit` for the entries in the slots and, with null, for the tasks between them.
  template <class Visit>
  void each_part(Visit visit) const {
    std::uint64_t behind = 0;
    for (const Entry& entry : catalog_.slots()) {
      if (entry.first > behind) visit(entry.first - behind, nullptr);
      visit(entry.count, &entry);
      behind = entry.last();
    }
    if (behind < catalog_.tasks()) visit(catalog_.tasks() - behind, nullptr);
  }

  /// Calls `visit` with a number of tasks and the size that the value of each has, from the first task on.
  template <class Visit>
  void each_size(FrameColumn column, Visit visit) const {
    each_part([&](std::uint64_t count, const Entry* entry) {
      if (!entry) return visit(count, 0);
      const Frame frame = catalog_.frame(*entry);
      const bool differ = frame.has(ends_of(column));
      for (std::uint32_t i = 0; i < (differ ? count : 1); ++i)
        visit(differ ? 1 : count, frame.value(column, entry->record + i).size());
    });
  }

  /// Writes the values of each task and, unless all have the same size, where they end. Returns that size.
  std::optional<std::uint64_t> column(ArchiveWriter& out, FrameColumn column, const char* values,
                                      const char* offsets) const {
    out.begin(values);
    for (const Entry& entry : catalog_.slots())
      out.append(catalog_.frame(entry).value(column, entry.record, entry.count));
    std::optional<std::uint64_t> size;
    bool differ = catalog_.tasks() == 0;
    each_size(column, [&](std::uint64_t, std::uint64_t next) {
      differ = differ || size.value_or(next) != next;
      size = next;
    });
    if (!differ) return size;
    out.begin(offsets);
    std::uint64_t offset = 0;
    out.put(offset);
    each_size(column, [&](std::uint64_t count, std::uint64_t next) {
      for (; count > 0; --count) out.put(offset += next);
    });
    return std::nullopt;
  }

  void fingerprints(ArchiveWriter& out) const {
    out.begin(section::fingerprints);
    each_part([&](std::uint64_t count, const Entry* entry) {
      for (std::uint64_t i = 0; i < count; ++i) {
        const Fingerprint fingerprint =
            entry ? catalog_.fingerprint(entry->only(entry->first + i)) : Fingerprint{};
        out.put(fingerprint.low, fingerprint.high);
      }
    });
  }

  /// The place of an origin, which may be unknown, in one table for all sources.
  std::uint32_t number_of(const Origin* known) {
    const auto [number, is_new] = numbers_.try_emplace(known, 0);
    if (is_new) {
      auto& all = description_.origins;
      const Origin origin = known ? *known : Origin{};
      number->second = static_cast<std::uint32_t>(std::ranges::find(all, origin) - all.begin());
      if (number->second == all.size()) all.push_back(origin);
    }
    return number->second;
  }

  void extents(ArchiveWriter& out) {
    out.begin(section::extents);
    Extent extent;
    each_part([&](std::uint64_t count, const Entry* entry) {
      extent = {extent.first + extent.count, count, {}, 0, Outcome::none, 0};
      if (entry) {
        extent.info = catalog_.frame(*entry).info();
        extent.info.origin = number_of(catalog_.origin(*entry));
        extent.attempt = entry->attempt;
        extent.outcome = entry->outcome;
        extent.binding = entry->binding;
      }
      out.append(to_bytes(extent));
    });
  }

  /// Calls `visit` for each task that has output.
  template <class Visit>
  void each_output(Visit visit) const {
    for (const Entry& entry : catalog_.slots()) {
      const Frame frame = catalog_.frame(entry);
      if (!frame.has(FrameColumn::outputs)) continue;
      for (std::uint32_t i = 0; i < entry.count; ++i)
        if (const std::string_view output = frame.value(FrameColumn::outputs, entry.record + i);
            !output.empty())
          visit(entry.first + i, output);
    }
  }

  void outputs(ArchiveWriter& out) const {
    out.begin(section::outputs);
    each_output([&](std::uint64_t, std::string_view output) { out.append(output); });
    out.begin(section::output_index);
    std::uint64_t offset = 0;
    each_output([&](std::uint64_t index, std::string_view output) {
      out.put(index, offset, std::uint64_t{output.size()});
      offset += output.size();
    });
  }

  void carried(ArchiveWriter& out) {
    if (catalog_.strays().empty()) return;
    out.begin(section::carried);
    for (const Stray& stray : catalog_.strays()) {
      FrameInfo info = catalog_.frame(stray.entry).info();
      info.origin = number_of(catalog_.origin(stray.entry));
      const Fingerprinter fingerprinter(catalog_.declared(stray.entry));
      FrameBuilder builder(fingerprinter, true);
      builder.add_last(catalog_.record(stray.entry));
      out.append(to_bytes(builder.frame(info), description_.id));
    }
  }

  const Catalog& catalog_;
  bool keep_arguments_;
  bool needs_fingerprints_;  // arguments don't identify the tasks
  Description description_;
  std::map<const Origin*, std::uint32_t> numbers_;  // in the description's table of origins
  std::uint64_t outputs_ = 0;
};

/// Whether the archive at `file` is the one with the id `replaces`.
bool has_id(const fs::path& file, std::optional<std::uint64_t> replaces) {
  try {
    const auto archive = replaces ? Archive::open(file) : nullptr;
    return archive && archive->description().id == *replaces;
  } catch (const SystemError&) {
    throw;
  } catch (const Error&) {
    return false;  // no archive of Tasker's
  }
}

/// Replaces only the archive `replaces`: another file that came there while the map ran is somebody else's.
void publish(const Fence& fence, const fs::path& file, std::optional<std::uint64_t> replaces) {
  if (has_id(file, replaces))
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
  base::remove_file(unfinished);  // somebody may have put a link there
  Description description = merge.write(unfinished);
  publish(fence, file, replaces);
  return description;
}

bool remove_merged(const Fence& fence, const std::vector<std::string>& merged) {
  const fs::path& directory = fence.directory();
  try {
    for (const std::string& name : merged)
      if (JournalName::parse(name)) fence.remove(directory / name);
    const Names left(directory);
    if (!list_journals(left).empty()) return false;
    fence.remove_leftovers(left);
    for (const StateName& name : list_states(left)) fence.remove(directory / name.to_string());
    // The manifest says whose directory it is, so it is removed last.
    fence.remove(list_path(directory));
    fence.remove(manifest_path(directory));
    return true;
  } catch (const Error&) {
    // The archive is there: failing to remove the rest is no reason to fail.
    return false;
  }
}

}  // namespace tasker::store
