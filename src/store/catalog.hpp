#pragma once

#include "base/scratch.hpp"
#include "store/journal.hpp"

#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <tuple>

namespace tasker::store {

/// Where the records of consecutive tasks are that lie one after the other in a frame and ended alike.
struct Entry {
  std::uint64_t first = 0;  ///< The first of the tasks.
  std::uint32_t count = 0;
  std::uint32_t record = 0;      ///< Number of the first one's record in the frame.
  std::uint64_t frame : 44 = 0;  ///< Offset of the frame in the source.
  std::uint64_t source : 20 = 0;
  std::uint16_t attempt = 0;  ///< 65535 stands for all higher numbers, too.
  Outcome outcome = Outcome::none;
  std::uint8_t binding = 0;

  bool done() const { return outcome == Outcome::done; }
  std::uint64_t last() const { return first + count; }  ///< The task behind them.
  /// Those from task `from` up to, not including, `to`.
  Entry part(std::uint64_t from, std::uint64_t to) const;
  Entry only(std::uint64_t task) const { return part(task, task + 1); }
  /// Later records have a higher one.
  auto age() const { return std::make_tuple(source, frame, record); }
  /// Whether `next` begins where this ends, in the same frame, and is like this in all else.
  bool is_continued_by(const Entry& next) const;
};

static_assert(sizeof(Entry) == 32);

/// Entries of different tasks, in ascending order.
using Entries = base::ScratchArray<Entry>;
/// Appends `entry`, or what is left of it, and lengthens the last entry if it can.
void append(Entries& entries, const Entry& entry);

/// The entry of task `index` alone; its outcome is `none` if there is none.
Entry find(const Entries& entries, std::uint64_t index);

/// A done record that is in no slot: the list of arguments has changed, or runs had different lists.
struct Stray {
  Entry entry;  ///< Of one task, at the index that the record was written with.
  Fingerprint fingerprint;
};

/// All records of a directory: in each task's slot the record that counts, and as strays the results that no
/// task has use for (yet). Slots take memory for each frame, not for each task. The tables live in scratch
/// space.
class Catalog {
 public:
  /// `scratch`: a directory for large tables.
  Catalog(std::filesystem::path scratch, std::uint64_t tasks);

  /// Reads a journal from its begin. Of several records of a task, success beats failure, and of failures
  /// with the same argument the highest attempt counts; otherwise the one that is read later. So read
  /// journals in the order of list_journals, and call `settle` behind the last one.
  void add(const std::filesystem::path& directory, const JournalName& name);
  /// The same for the part of a journal that was not read yet, when the arguments are matched already: it was
  /// written for them.
  void add_rest(const std::filesystem::path& directory, const JournalName& name) {
    read(directory, name, false);
  }
  /// Reads the part of a journal that was not read yet, when the arguments are matched already: a rank of an
  /// earlier run may have written it in the meantime. Its records replace no result.
  void add_late(const std::filesystem::path& directory, const JournalName& name) {
    read(directory, name, true);
  }
  /// Adds entries that were found by other means.
  void add(const Entry& entry) { added_.push_back(entry); }
  /// Puts what was added into the slots.
  void settle();

  std::uint64_t tasks() const { return tasks_; }
  const std::filesystem::path& scratch() const { return scratch_; }
  bool empty() const { return records_ == 0; }
  /// What is in the slots. Tasks without a record have none.
  const Entries& slots() const { return slots_; }
  void set_slots(Entries& slots) { slots_.swap(slots); }
  Entry slot(std::uint64_t index) const { return find(slots_, index); }
  /// The first task without a result.
  std::optional<std::uint64_t> first_missing() const;
  base::ScratchArray<Stray>& strays() { return strays_; }
  const base::ScratchArray<Stray>& strays() const { return strays_; }

  /// Whether the slot of the stray's task is done with the same fingerprint, and bound alike.
  bool has_result_of(const Stray& stray) const;

  // Of an entry, which must not be empty but for `record`:

  Frame frame(const Entry& entry) const;
  /// The record of the first task; an empty one if there is none.
  Record record(const Entry& entry) const;
  /// What identifies the first task.
  Fingerprint fingerprint(const Entry& entry) const;
  /// Who wrote it; null if that is not known any more.
  const Origin* origin(const Entry& entry) const;
  /// What its map declared: makes fingerprints of arguments.
  Digest declared(const Entry& entry) const;
  /// The number of tasks that it is bound to: 0 if none, UINT64_MAX if that is not known any more.
  std::uint64_t bound_count(const Entry& entry) const;

  const std::deque<JournalReader>& sources() const { return sources_; }
  std::uint64_t records() const { return records_; }
  /// Total size of all frames.
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t damaged_bytes() const { return damaged_; }

 private:
  /// Takes the records of the frames that were not read yet.
  void read(const std::filesystem::path& directory, const JournalName& name, bool late);
  void insert(const Entry& entry, bool late);
  void resolve(std::uint64_t first, std::uint64_t last, std::span<const Entry> entries);
  std::filesystem::path scratch_;
  std::uint64_t tasks_;
  std::deque<JournalReader> sources_;
  std::map<JournalName, std::uint64_t> read_;  // how far each journal has been read
  Entries slots_;
  base::ScratchArray<Entry> added_;  // not in the slots yet
  base::ScratchArray<Stray> strays_;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t damaged_ = 0;
};

}  // namespace tasker::store
