#pragma once

#include "base/mutex.hpp"
#include "talk/messages.hpp"

#include <tasker/detail/steps.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace tasker::execute {

/// Tasks that were handed out together. Two threads may use a chunk: the main thread starts its tasks, and
/// the thread that talks takes back tasks that are not started.
class Chunk {
 public:
  /// `arguments`: those of the tasks, in order, for MapCall::take_argument.
  Chunk(talk::Assignment assignment, std::string arguments);
  /// The same chunk in a slot's child, which executes it. `claims` is the word that its rank passes to
  /// `share`.
  Chunk(talk::Assignment assignment, std::string arguments, detail::SharedClaims& claims);

  /// From now on tasks are claimed in `claims`, which a child shares and may overwrite with nonsense. No
  /// task may be started yet.
  void share(detail::SharedClaims& claims);
  /// From now on the shared word may go. No more tasks can be started or taken back.
  void end_sharing();
  /// The first `count` tasks are recorded. So they were started, whatever the shared word says.
  void set_recorded(std::uint64_t count) { recorded_ = static_cast<std::uint32_t>(count); }
  std::uint64_t recorded() const { return recorded_; }

  std::uint64_t id() const { return assignment_.chunk; }
  const talk::Assignment& assignment() const { return assignment_; }
  const base::Ranges& tasks() const { return assignment_.tasks; }
  const std::string& arguments() const { return arguments_; }
  /// The attempts that were made at one of the tasks before.
  talk::Tried tried(std::uint64_t index) const;

  /// Starts the next task; false if none is left. A started task can't be taken back.
  bool start() { return detail::claim_task(*claims_); }
  /// Where `start` claims a task.
  detail::SharedClaims& claims() { return *claims_; }
  /// Takes back half of the tasks that are not started, rounded up. Returns `kept()`.
  std::uint64_t take_back();
  /// Takes back all tasks that are not started.
  void revoke();
  /// The chunk keeps its first `kept()` tasks; the others were taken back. The main thread may see that late.
  std::uint64_t kept() const { return kept_; }
  /// How many of the kept tasks were started.
  std::uint64_t started() const;

 private:
  template <class Limit>
  std::uint64_t lower(Limit limit);

  base::Mutex mutex_;  // while it is held, the word of claims stays where it is
  talk::Assignment assignment_;
  std::string arguments_;
  std::atomic<std::uint32_t> recorded_ = 0;
  std::atomic<std::uint32_t> kept_;
  detail::SharedClaims own_claims_;
  detail::SharedClaims* claims_ = &own_claims_;
};

}  // namespace tasker::execute
