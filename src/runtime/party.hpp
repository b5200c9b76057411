#pragma once

#include "base/caught_signal.hpp"
#include "base/clock.hpp"
#include "base/process.hpp"
#include "cluster/allocation.hpp"
#include "runtime/map.hpp"
#include "talk/messages.hpp"
#include "talk/peers.hpp"

#include <tasker/detail/call.hpp>
#include <tasker/detail/result_source.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace tasker::runtime {

using base::Time;

/// The ranks of one Tasker, from the first map until all leave together. Without a Comm: this process alone.
class Party {
 public:
  /// `end_process`: as in Root.
  Party(std::unique_ptr<talk::Comm> comm, std::function<void(const talk::Thrown&)> end_process)
      : comm_(std::move(comm)), end_process_(std::move(end_process)) {}

  /// False in a copy of the process that was forked since.
  bool is_here() const { return maker_.is_here(); }

  int rank() const { return comm_ ? comm_->rank() : 0; }
  int size() const { return comm_ ? comm_->size() : 1; }

  /// Throws UsageError if a map is under way already, or unless is_here().
  std::shared_ptr<const detail::ResultSource> map(const detail::MapCall& call);

  bool is_mapping() const { return mapping_; }
  /// Whether this is rank 0 of the run that led the last map.
  bool leads() const { return leads_; }
  /// How many ranks compute: during a map, on rank 0, those of all runs that share it.
  int worker_count() const;

  /// Whether `exception` comes from the last map, which has thrown the same on every rank.
  bool is_shared(const std::exception_ptr& exception) const { return exception && exception == shared_; }

  /// Waits, asleep, until all ranks leave. `mine`: how this rank ended; becomes how all ended, with the exit
  /// code that they have in common. Rank 0 says its own message, or the first one of another rank; the
  /// message is then empty. A rank that leaves with an error waits for the others only a few seconds, then
  /// sets `left_alone`.
  void leave(talk::Leave& mine, bool& left_alone);
  bool has_left() const { return left_; }

 private:
  void prepare();
  std::shared_ptr<const detail::ResultSource> map_here(const detail::MapCall& call);
  void leave_as_root(talk::Leave& mine, Time deadline, bool& left_alone);
  void leave_as_worker(talk::Leave& mine, Time deadline, bool& left_alone);

  base::Maker maker_;
  std::unique_ptr<talk::Comm> comm_;
  std::function<void(const talk::Thrown&)> end_process_;
  talk::Peers peers_{rank() == 0 ? comm_.get() : nullptr};
  std::optional<base::KeptThread> thread_;  // since the first map
  std::optional<execute::Desk> desk_;       // of the last map
  // Kept to the end, since SIGUSR1 would otherwise kill a rank that waits for the others to leave.
  std::shared_ptr<const base::CaughtSignal> drain_ = base::CaughtSignal::usr1();
  base::ProcessId process_ = base::this_process();
  Authors authors_;
  cluster::Allocation allocation_;
  std::uint64_t maps_ = 0;
  std::atomic<bool> mapping_ = false;
  std::atomic<int> workers_ = 0;  // during a map, on rank 0; 0: not known
  bool leads_ = false;
  std::exception_ptr shared_;
  std::optional<int> gone_;  // on rank 0: the rank that left during a map; no further map can begin
  bool left_ = false;
};

}  // namespace tasker::runtime
