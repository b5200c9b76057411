#pragma once

#include "base/intervals.hpp"
#include "runtime/arguments.hpp"
#include "store/archive.hpp"
#include "store/catalog.hpp"
#include "store/fingerprint.hpp"
#include "store/ghosts.hpp"
#include "store/hold.hpp"
#include "store/match.hpp"
#include "store/paths.hpp"
#include "talk/tally.hpp"

#include <tasker/detail/call.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tasker::runtime {

/// Rank 0's side of the store during one map: what is there, what it is worth, and the archive in the end.
class Workspace {
 public:
  /// Looks at the archive; throws MismatchError if it, or the directory, belongs to another program.
  /// `ghosts`: how long other ranks may go on writing when this process has died.
  Workspace(const detail::MapCall& call, Arguments& arguments, std::chrono::milliseconds ghosts);
  ~Workspace();

  /// The archive if it holds a result for every argument, after one pass over them; else nothing.
  std::shared_ptr<const store::Archive> finished();
  /// Behind a finished archive: removes what a run left that was killed between its last two steps.
  void tidy();

  /// Takes the directory and finds out what must be computed. Throws Interrupted if a live run has it.
  void open();
  /// The same without touching anything, for a dry run: what a run would reuse.
  void examine();

  const store::MatchResult& match() const { return match_; }
  /// Tasks without a usable record.
  const base::IntervalSet& missing() const { return missing_; }
  /// Tasks that have failed and are not tried again: they are not missing.
  const talk::Tally& settled() const { return settled_; }
  /// Settles that one, which is missing, for that reason.
  void settle(std::uint64_t index, const std::string& why);
  /// 1, or one more than the attempts of this task that are known to have failed.
  std::uint32_t attempt_of(std::uint64_t index) const;
  /// Results that had to be left behind since their bytes are damaged, and damaged bytes of journals.
  std::uint64_t damaged_results() const { return damaged_results_; }
  std::uint64_t damaged_bytes() const { return damaged_bytes_ + (catalog_ ? catalog_->damaged_bytes() : 0); }
  /// Of the missing ones: those that have left a state behind.
  const base::IntervalSet& resumed() const { return resumed_; }
  /// After `open`, until `finish`.
  const store::Catalog& catalog() const { return *catalog_; }

  const std::string& run() const { return run_; }
  const std::string& job() const { return job_; }
  std::uint32_t sequence() const { return sequence_; }
  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path fence_path() const { return store::fence_path(directory_, run_); }
  const store::Fingerprinter& fingerprinter() const { return fingerprint_; }
  std::string digest() const;
  /// Throws Interrupted if another run took the directory, or it has been removed, and the hold's last beat
  /// has noticed.
  void check_hold() const;
  /// Throws Interrupted if that is so now; nothing where there is no hold.
  void require_hold() const;
  /// Whether ranks may be writing to their journals: if so at its end, those are ghosts.
  void set_ranks_write(bool write) { ranks_write_ = write; }

  /// From when on no rank of an earlier run writes any more.
  store::Ghosts::Clock::time_point ghosts_gone() const { return ghosts_->gone(); }
  /// Writes the archive from all records and removes the directory, unless it shall be kept; not before
  /// `ghosts_gone`. With `holes`, tasks without a result are allowed.
  std::shared_ptr<const store::Archive> finish(bool holes);

 private:
  void take_directory();
  void remove_if_empty() const;
  void find_states();
  bool is_wanted(const store::StateName& name) const;
  store::Holder self() const;
  void read_records(const std::filesystem::path& directory);
  void match_arguments();
  void settle_failures();
  void write_list() const;
  std::shared_ptr<const store::Archive> written(std::uint64_t id) const;
  store::Manifest manifest() const;

  const detail::MapCall& call_;
  Arguments& arguments_;
  store::Fingerprinter fingerprint_;
  std::filesystem::path directory_;
  std::shared_ptr<const store::Archive> archive_;
  std::chrono::milliseconds ghosts_of_mine_;
  std::string job_;  // the scheduler's
  std::unique_ptr<store::Hold> hold_;
  bool ranks_write_ = false;
  std::optional<store::Ghosts> ghosts_;
  std::string run_;
  std::uint64_t run_id_;
  std::uint32_t sequence_ = 1;
  std::string build_;
  std::shared_ptr<const void> scratch_;  // of a dry run, which may not use the directory
  std::unique_ptr<store::Catalog> catalog_;
  store::MatchResult match_;
  base::IntervalSet missing_;
  talk::Tally settled_;
  base::IntervalSet resumed_;
  std::uint64_t damaged_results_ = 0;
  std::uint64_t damaged_bytes_ = 0;  // of journals that were folded
};

}  // namespace tasker::runtime
