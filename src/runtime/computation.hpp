#pragma once

#include "runtime/joined_runs.hpp"
#include "runtime/journals.hpp"
#include "runtime/master.hpp"
#include "runtime/root_map.hpp"
#include "schedule/scheduler.hpp"
#include "talk/messages.hpp"

#include <tasker/error.hpp>

#include <chrono>
#include <memory>
#include <set>
#include <string>

namespace tasker::runtime {

/// Ranks of a run that has computed for another one, and takes the lead.
struct AtWork {
  std::set<int> begun;   ///< For whom the map has begun: they may be in the middle of a task.
  std::set<int> closed;  ///< Those of them that have closed their journals, and compute no more.
};

/// Computes what is missing, and writes the archive, on the run that leads. The second thread hands tasks out
/// to all ranks that compute; meanwhile only that thread uses the scheduler and what belongs to it. The main
/// thread makes arguments and executes tasks.
class Computation {
 public:
  Computation(RootMap& map, schedule::Plan plan, AtWork at_work = {});

  /// With both threads. Throws TasksFailed or Interrupted if there is no archive.
  std::shared_ptr<const store::Archive> run();

  /// The part of the second thread, while the main thread takes part. Then the main thread calls `conclude`.
  void second_thread();
  /// Writes the archive. Throws like `run`.
  std::shared_ptr<const store::Archive> conclude();

 private:
  void use_both_threads();
  bool make_more();
  bool main_thread_leaves();
  void tell(const talk::End& end);
  void tell_failure(const std::exception_ptr& failure);
  void serve();
  void begin(int rank);
  void begin_here();
  bool is_deserted() const;
  bool holds_back(Time now) const;
  void wait();
  void look_at_time();
  void hand_out_no_more();
  void dispatch();
  bool hands_over() const;
  talk::Stand stand() const;
  void hear(const talk::Envelope& envelope);
  void note(int rank);
  void say_lost(int rank);
  [[noreturn]] void throw_deserted() const;
  bool is_stopped_by_failure() const;
  std::string stop_text() const;
  std::uint64_t left() const;
  Interrupted interrupted() const;
  void wait_for_ghosts();
  void count_offer();
  void say_end();

  RootMap& map_;
  Workspace& workspace_;
  talk::Peers& peers_;
  execute::Desk& desk_;
  AtWork at_work_;
  std::uint64_t total_;
  schedule::Scheduler scheduler_;
  talk::Tally tally_;
  talk::Start start_;
  Journals journals_;
  Master master_;
  JoinedRuns joined_;
  bool has_begun_here_ = false;
  const Time held_back_until_;
  std::set<std::string> unseeing_hosts_;
  std::uint32_t least_cpus_ = UINT32_MAX;     // the fewest that a rank may use
  std::chrono::duration<double> offered_{0};  // the time of all workers until `counted_`
  Time counted_ = Clock::now();
  std::size_t present_;          // workers since then
  std::size_t most_ = present_;  // workers at any time
};

}  // namespace tasker::runtime
