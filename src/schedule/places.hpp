#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tasker::schedule {

/// So many different tasks must have failed at a place and succeeded elsewhere until it is the place that is
/// to blame.
inline constexpr std::uint32_t enough_proof = 3;

/// An attempt that has failed: where, and how many chunks there had brought a success by then.
struct Failure {
  int worker = 0;
  std::uint64_t worker_successes = 0;
  std::uint64_t host_successes = 0;
};

/// That a place gets no more tasks, or gets tasks again.
struct Verdict {
  std::string host;
  std::optional<int> worker = {};  ///< Nothing: the whole host.
  bool aside = false;

  bool operator==(const Verdict&) const = default;
};

/// Where workers are: tells who may try what has failed elsewhere, and which places fail whatever they get.
///
/// A worker or a host is set aside when `enough_proof` different tasks have failed there and then succeeded
/// elsewhere, while none has succeeded there since. It comes back when a task that it had still succeeds, or
/// when nobody else is left. The last place is never set aside.
class Places {
 public:
  Places() = default;
  Places(Places&&) = default;
  Places& operator=(Places&&) = default;

  /// This worker will join.
  void expect(int worker) { expected_.insert(worker); }
  void join(int worker, const std::string& host);
  void leave(int worker);

  /// Whether tasks may be handed to this worker.
  bool is_active(int worker) const;
  /// Whether this worker may try a task that has failed at `failed_at`. If any other host is left, or is
  /// expected, one on a host where the task has failed may not; nor, if any other worker is left, one at
  /// which it has failed.
  bool may_try(int worker, const std::vector<int>& failed_at) const;

  /// A task has failed at this worker.
  Failure failed(int worker) const;
  /// A task that had failed so before has succeeded at this worker. Tell about the worker's own success after
  /// that.
  void refute(const std::vector<Failure>& failures, int worker);
  void succeeded(int worker);

  /// Decides who is set aside and who comes back. Returns whether anything has changed.
  bool review();
  /// What was decided since the last call.
  std::vector<Verdict> take_verdicts();

 private:
  struct Place {
    std::uint64_t successes = 0;
    std::uint32_t refuted = 0;  // tasks that have failed here since the last success, and succeeded elsewhere
    bool aside = false;

    bool is_refuted() const { return refuted >= enough_proof; }
  };
  struct Host : Place {
    std::string name;
    std::size_t active = 0;  // workers
  };
  struct Worker : Place {
    Host* host = nullptr;
    bool here = true;

    bool is_active() const { return here && !aside && !host->aside; }
  };

  void count(Host& host, bool comes);
  void count_all();
  void set(Place& place, bool aside, Verdict verdict);
  void bring_back();
  void set_aside();

  std::map<int, Worker> workers_;  // those that have left, too: where their tasks have failed still counts
  std::map<std::string, Host> hosts_;
  std::set<int> expected_;
  std::size_t active_ = 0;        // workers
  std::size_t active_hosts_ = 0;  // hosts with an active worker
  bool changed_ = false;
  std::vector<Verdict> verdicts_;
};

}  // namespace tasker::schedule
