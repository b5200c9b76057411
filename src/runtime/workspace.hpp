#pragma once

#include "base/intervals.hpp"
#include "cluster/history.hpp"
#include "runtime/arguments.hpp"
#include "store/archive.hpp"
#include "store/catalog.hpp"
#include "store/ghosts.hpp"
#include "store/hold.hpp"
#include "store/match.hpp"
#include "store/paths.hpp"
#include "talk/tally.hpp"

#include <tasker/detail/call.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tasker::runtime {

/// What this run, or its job, has done before it looks at a directory.
struct Before {
  bool was_requeued = false;  ///< The job comes back.
  /// The number, in the directory, of the first run that this one has joined.
  std::optional<std::uint32_t> joined = {};
  std::string frozen = {};  ///< The run that has held the directory and is frozen.
  cluster::History history = {};

  /// Notes for the job's history how many tasks of a map are left.
  void note_left(const std::string& digest, const std::filesystem::path& archive, std::uint64_t left) const;
};

/// Rank 0's side of the store during one map: finds out which results are there already, and writes the
/// archive in the end.
class Workspace {
 public:
  /// Opens the archive if there is one. Throws MismatchError if the archive or the directory holds other
  /// types. `self`: this run.
  Workspace(const detail::MapCall& call, Arguments& arguments, store::Holder self, const Before& before);
  ~Workspace();

  /// The archive if it holds a result for every argument, else null. Reads all arguments.
  std::shared_ptr<const store::Archive> finished();
  /// After `finished`: removes the directory of a run that was killed after it had written the archive.
  void tidy();

  /// Takes the directory and finds out what must be computed. Throws store::Held if a live run holds it.
  /// `prepare`: as for a store::Hold.
  void open(const store::Hold::Prepare& prepare = {});
  /// For a dry run: finds out the same, but changes nothing.
  void examine();

  const store::MatchResult& match() const { return match_; }
  /// Tasks without a usable record.
  const base::IntervalSet& missing() const { return missing_; }
  /// Tasks that have failed and are not tried again. They are not missing.
  const talk::Tally& settled() const { return settled_; }
  /// Settles a missing task: it has failed for that reason.
  void settle(std::uint64_t index, const std::string& why);
  /// Whether attempts at missing tasks are recorded.
  bool any_attempts() const;
  /// The number of the next attempt at a task: 1, or one more than that of the last recorded attempt.
  std::uint32_t attempt_of(std::uint64_t index) const;
  /// Results that the archive has lost to damage, and damaged bytes of journals.
  std::uint64_t damaged_results() const { return damaged_results_; }
  std::uint64_t damaged_bytes() const { return damaged_bytes_ + (catalog_ ? catalog_->damaged_bytes() : 0); }
  /// The missing tasks that have saved a state.
  const base::IntervalSet& resumed() const { return resumed_; }
  /// After `open` or `examine`, until `finish`.
  const store::Catalog& catalog() const { return *catalog_; }

  const std::string& run() const { return self_.run; }
  const std::string& job() const { return self_.job; }
  std::uint32_t sequence() const { return sequence_; }
  const std::filesystem::path& directory() const { return directory_; }
  const store::Fingerprinter& fingerprinter() const { return fingerprint_; }
  std::string digest() const;
  /// Throws Interrupted if the hold's last beat found the directory removed or taken by another run.
  void check_hold() const;
  /// Looks for itself, and throws in the same way. Does nothing if this run holds no directory.
  void require_hold() const;
  /// Has `listen` open a port in the fence, and notes in the directory where runs of other hosts can join.
  std::vector<std::string> listen(
      const std::function<std::vector<std::string>(const store::Fence& fence)>& listen);
  /// The ranks of another run compute for this one, and write journals of that run's name.
  void add_run(const store::Holder& run);
  /// The ranks of that run have closed their journals.
  void remove_run(const std::string& run);
  /// That run is gone, but its ranks may go on writing for so long.
  void lose_run(const std::string& run, std::chrono::milliseconds ghosts) { ghosts_->add(run, ghosts); }
  /// The runs that had joined an earlier run, and may join this one.
  std::set<std::string> may_join() const { return ghosts_->may_join(); }
  /// Whether ranks may be writing to their journals. If so when this object ends, they become ghosts.
  void set_ranks_write(bool write) { ranks_write_ = write; }

  /// When no rank of an earlier run will write any more.
  base::Time ghosts_gone() const { return ghosts_->gone(); }
  /// Writes the archive from all records and removes the directory, unless it shall be kept. Not to be called
  /// before `ghosts_gone`. `holes`: tasks may be without a result.
  std::shared_ptr<const store::Archive> finish(bool holes);

 private:
  void take_directory(const store::Hold::Prepare& prepare);
  void find_states(const store::Names& names);
  bool is_wanted(const store::StateName& name) const;
  void read_records(const std::filesystem::path& directory, const std::vector<store::JournalName>& journals);
  void match_arguments();
  void settle_failures();
  bool is_settled(const store::Origin* origin) const;
  void write_list() const;
  std::shared_ptr<const store::Archive> written(std::uint64_t id) const;
  store::Manifest manifest() const { return store::manifest_of(call_, call_.count, fingerprint_.digest()); }

  const detail::MapCall& call_;
  Arguments& arguments_;
  store::Fingerprinter fingerprint_;
  std::filesystem::path directory_;
  std::shared_ptr<const store::Archive> archive_;
  std::uint64_t run_id_ = 0;
  std::set<std::uint64_t> runs_;  // whose ranks compute: this one, and those that have joined
  store::Holder self_;
  const Before& before_;
  std::unique_ptr<store::Hold> hold_;
  bool ranks_write_ = false;
  std::optional<store::Ghosts> ghosts_;
  std::uint32_t sequence_ = 1;
  std::string build_;
  std::filesystem::path scratch_;  // the place of a dry run, which must not change the directory
  std::unique_ptr<store::Catalog> catalog_;
  std::optional<store::Entries> tried_;  // of missing tasks
  store::MatchResult match_;
  base::IntervalSet missing_;
  talk::Tally settled_;
  base::IntervalSet resumed_;
  std::uint64_t damaged_results_ = 0;
  std::uint64_t damaged_bytes_ = 0;  // of journals that were folded
};

}  // namespace tasker::runtime
