#pragma once

#include "runtime/master.hpp"
#include "runtime/root_map.hpp"
#include "schedule/scheduler.hpp"
#include "talk/gate.hpp"
#include "talk/messages.hpp"

#include <map>
#include <set>
#include <string>

namespace tasker::runtime {

/// On the run that leads a map: the runs that have joined it. Each of their ranks that computes is a worker
/// like any other.
class JoinedRuns {
 public:
  /// `start`: what a rank of this run is told.
  JoinedRuns(RootMap& map, Master& master, schedule::Scheduler& scheduler, const talk::Start& start);
  ~JoinedRuns();
  JoinedRuns(const JoinedRuns&) = delete;
  JoinedRuns& operator=(const JoinedRuns&) = delete;

  /// Takes in what a run or one of its ranks has said, or that it is gone. A run that says what can't be true
  /// is let go of.
  void handle(const talk::Envelope& envelope);
  /// Lets go of runs that have given no sign of life for too long.
  void look(Time now);
  /// Answers those who want to join, once all arguments are made.
  void answer();
  /// Whether any run has joined, and is here.
  bool any() const { return !runs_.empty(); }
  /// Whether a run that had joined an earlier one may still come, and say what it has in hand.
  bool awaits() const { return !expected_.empty(); }
  /// When no more is handed out: the runs whose ranks have closed their journals write no more.
  void note_closed();
  /// Tells all how far the map is; to be called when `stand_due` has come.
  void tell(talk::Stand stand);
  Time stand_due() const { return stand_due_; }
  /// Tells all how the map has ended.
  void tell(const talk::End& end);
  std::size_t count() const { return runs_.size(); }
  /// On how many hosts these runs are, besides this one.
  std::size_t hosts() const;

 private:
  struct Run {
    talk::Join who;
    int ranks_at = 0;  // the number of its rank 0
    bool any_died = false;
    Time heard{};
  };
  void lose_worker(talk::Envelope envelope, const talk::Join& run);
  void handle_run(const talk::Envelope& envelope);
  std::string difference(const talk::Join& join) const;
  bool is_idle(const Run& run) const;
  void invite(int number);
  void admit(int number, const talk::Join& join);

  RootMap& map_;
  Master& master_;
  schedule::Scheduler& scheduler_;
  const talk::Start& start_;
  const std::string user_;
  Time looked_ = Clock::now();
  Time stand_due_ = Clock::now();
  std::set<std::string> expected_;
  std::map<int, talk::Join> waiting_;  // by number, like the two below
  std::map<int, Run> runs_;
  std::map<int, int> workers_;  // the run of which a worker is
};

}  // namespace tasker::runtime
