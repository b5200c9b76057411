#pragma once

#include "base/caught_signal.hpp"
#include "base/clock.hpp"
#include "base/process.hpp"
#include "cluster/allocation.hpp"
#include "runtime/map.hpp"
#include "talk/peers.hpp"

#include <tasker/detail/call.hpp>
#include <tasker/detail/result_source.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

namespace tasker::runtime {

using base::Time;

/// The ranks of one Tasker, from the first map to the moment when all leave together. Without a Comm: this
/// process.
class Party {
 public:
  /// `end_process`: as in Root.
  Party(std::unique_ptr<talk::Comm> comm, std::function<void(const talk::Thrown&)> end_process)
      : comm_(std::move(comm)), end_process_(std::move(end_process)) {}

  /// Not in a copy of the process that was forked since.
  bool is_here() const { return maker_.is_here(); }

  int rank() const { return comm_ ? comm_->rank() : 0; }
  int size() const { return comm_ ? comm_->size() : 1; }

  /// Throws UsageError if a map is under way already, or in a copy of the process that was forked since.
  std::shared_ptr<const detail::ResultSource> map(const detail::MapCall& call);

  /// Whether a map is under way.
  bool is_mapping() const { return mapping_; }

  /// Whether `exception` was thrown alike on every rank by the last map.
  bool is_shared(const std::exception_ptr& exception) const { return exception && exception == shared_; }

  /// How this rank, or any, ended: an exit code, and a message unless all is well or rank 0 has it, too.
  struct Farewell {
    std::int32_t exit_code = 0;
    std::string message;
    bool lost_ranks = false;  ///< Some ranks are gone, and will never leave.
  };
  /// Waits, asleep, until all ranks leave. Returns with what code all exit; on rank 0 with the other ranks'
  /// messages. A rank that leaves with an error waits for the others for a few seconds only; `left_alone` is
  /// set then.
  Farewell leave(Farewell mine, bool& left_alone);
  bool has_left() const { return left_; }

 private:
  void prepare();
  std::shared_ptr<const detail::ResultSource> map_here(const detail::MapCall& call);
  [[noreturn]] void refuse_map(int gone);
  Farewell leave_as_root(Farewell mine, Time deadline, bool& left_alone);
  Farewell leave_as_worker(Farewell mine, Time deadline, bool& left_alone);

  base::Maker maker_;
  std::unique_ptr<talk::Comm> comm_;
  std::function<void(const talk::Thrown&)> end_process_;
  talk::Peers peers_{rank() == 0 ? comm_.get() : nullptr};
  std::optional<base::KeptThread> thread_;  // from the first map on
  std::optional<execute::Desk> desk_;       // of the last map
  /// Until this goes: SIGUSR1 would end a rank that waits for the others to leave.
  std::shared_ptr<const base::CaughtSignal> drain_ = base::CaughtSignal::usr1();
  Authors authors_;
  cluster::Allocation allocation_;
  std::uint64_t maps_ = 0;
  std::atomic<bool> mapping_ = false;
  std::exception_ptr shared_;
  std::set<int> gone_;  // ranks that left during a map, on rank 0
  bool left_ = false;
};

}  // namespace tasker::runtime
