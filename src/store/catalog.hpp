#pragma once

#include "base/scratch.hpp"
#include "store/journal.hpp"

#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

namespace tasker::store {

/// Where one record is, and what decides about its use. Small, for there is one for every task.
struct Entry {
  std::uint64_t frame : 44 = 0;  ///< Offset of its frame in the source.
  std::uint64_t source : 20 = 0;
  std::uint32_t record = 0;   ///< Offset in the frame's body.
  std::uint16_t attempt = 0;  ///< The highest number stands for all beyond, too.
  Outcome outcome = Outcome::none;
  std::uint8_t binding = 0;

  bool done() const { return outcome == Outcome::done; }
};

static_assert(sizeof(Entry) == 16);

/// A result that is not at its own index: the list changed, or runs had different lists.
struct Stray {
  Entry entry;
  Fingerprint fingerprint;
  std::uint64_t index = 0;  ///< The one it was recorded with.
};

/// All records of a directory: for each task the one that counts, besides those that no task has use for
/// (now). Tables live in scratch space, so memory does not grow with the number of tasks.
class Catalog {
 public:
  /// `scratch`: a directory for tables that are large.
  Catalog(std::filesystem::path scratch, std::uint64_t tasks);

  /// Reads a journal. Success beats failure, then what is read later counts: read in the order of
  /// list_journals.
  void add(const std::filesystem::path& directory, const JournalName& name);
  /// Reads what a journal has that was not read yet, after the arguments were matched: a rank of another run
  /// may have written it in the meantime. Its records take no result's place.
  void add_late(const std::filesystem::path& directory, const JournalName& name);

  std::uint64_t tasks() const { return tasks_; }
  const std::filesystem::path& scratch() const { return scratch_; }
  bool empty() const { return records_ == 0; }
  /// Makes room for the slots; done by the first record that is added.
  void make_slots() { slots_.resize(tasks_); }
  /// The record for task `index`; its outcome is `none` if there is none.
  Entry& slot(std::uint64_t index) { return slots_[index]; }
  const Entry& slot(std::uint64_t index) const { return slots_[index]; }
  base::ScratchArray<Stray>& strays() { return strays_; }
  const base::ScratchArray<Stray>& strays() const { return strays_; }

  /// The record itself (an empty one if there is none), its frame's times and who wrote it.
  Record record(const Entry& entry) const;
  FrameInfo frame(const Entry& entry) const;
  const Origin* origin(const Entry& entry) const;
  /// The number of tasks that the record is bound to; 0 if to none, UINT64_MAX if it is not known any more.
  std::uint64_t bound_count(const Entry& entry) const;

  const std::deque<JournalReader>& sources() const { return sources_; }
  std::uint64_t records() const { return records_; }
  /// Of the arguments, payloads and outputs of all records.
  std::uint64_t bytes() const { return record_bytes_; }
  /// How many records hold output, whether they count or not.
  std::uint64_t outputs() const { return outputs_; }
  std::uint64_t damaged_bytes() const { return damaged_; }

 private:
  template <class Insert>
  void read(const std::filesystem::path& directory, const JournalName& name, std::uint64_t from,
            Insert insert);
  void count(const Record& record);
  void insert(const Record& record, const Entry& entry);
  void insert_late(const Record& record, const Entry& entry);
  std::filesystem::path scratch_;
  std::uint64_t tasks_;
  std::deque<JournalReader> sources_;
  std::vector<std::string_view> bytes_;        // of each source
  std::map<JournalName, std::uint64_t> read_;  // how far each journal was
  base::ScratchArray<Entry> slots_;
  base::ScratchArray<Stray> strays_;
  std::uint64_t records_ = 0;
  std::uint64_t record_bytes_ = 0;
  std::uint64_t outputs_ = 0;
  std::uint64_t damaged_ = 0;
};

}  // namespace tasker::store
