#include "runtime/compute_with_workers.hpp"

#include "cluster/launcher.hpp"
#include "cluster/report.hpp"
#include "runtime/gather.hpp"
#include "runtime/master.hpp"
#include "runtime/rank_journals.hpp"
#include "runtime/settings.hpp"

#include <tasker/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

talk::Start start_of(const detail::MapCall& call, const Workspace& workspace, const Timekeeper& time) {
  return {workspace.directory().string(),
          workspace.run(),
          workspace.sequence(),
          cluster::slurm_job(),
          call.count,
          call.options.version,
          call.options.inputs.low,
          call.options.inputs.high,
          call.options.seed,
          call.options.keep_arguments,
          call.options.durability == Durability::power,
          call.options.columns,
          slots_of(call.options),
          call.options.retries,
          call.options.timeout.count(),
          call.options.memory_limit,
          call.options.capture,
          call.options.lost_after.count(),
          time.left(Clock::now()).count()};
}

void say_lost(Reporter& reporter, const Master& master, int rank) {
  const auto known = master.workers().find(rank);
  reporter.say(lost_text(rank, known == master.workers().end() ? "" : known->second.host) +
               (cluster::has_launcher() && !master.alone() ? "; others take over its unfinished tasks" : ""));
}

/// Of each host one such rank, since there may be hundreds.
class Unseen {
 public:
  void note(Reporter& reporter, const Workspace& workspace, int rank, const talk::Ready& who) {
    if (who.sees_directory || !hosts_.insert(who.host).second) return;
    reporter.say(fmt::format("rank {} on {} does not see {}: its results travel to rank 0", rank, who.host,
                             workspace.directory().string()));
  }

 private:
  std::set<std::string> hosts_;
};

}  // namespace

void compute_with_workers(talk::Comm& comm, const detail::MapCall& call, Workspace& workspace,
                          schedule::Scheduler& scheduler, Outcome& outcome, Reporter& reporter,
                          Timekeeper& time, const std::function<void()>& attend) {
  RankJournals journals(workspace, call);
  Master master(comm, call, scheduler, outcome, journals.store());
  const auto lost_after = std::chrono::duration_cast<std::chrono::milliseconds>(call.options.lost_after);
  comm.set_lost_after(lost_after);
  cluster::set_lost_after(lost_after);
  const talk::Start start = start_of(call, workspace, time);
  workspace.set_ranks_write(true);
  for (int rank = 1; rank < comm.size(); ++rank) comm.send(rank, talk::pack(start));
  Unseen unseen;
  const auto wait = [&] {
    auto watched = time.watched();
    const auto envelope = comm.wait(std::min(reporter.due(), time.wake(Clock::now())), watched);
    if (envelope) master.handle(*envelope);
    if (envelope && talk::kind_of(envelope->bytes) == talk::Kind::ready)
      unseen.note(reporter, workspace, envelope->source, master.workers().at(envelope->source));
    if (time.look(Clock::now())) {
      scheduler.set_time(time.frame());
      if (time.stopped()) scheduler.drain();
      for (int rank = 1; rank < comm.size(); ++rank)
        comm.send(rank, talk::pack(talk::TimeLeft{time.left(Clock::now()).count(), time.stopped()}));
    }
    if (envelope && envelope->lost) {
      cluster::report_lost_rank();
      say_lost(reporter, master, envelope->source);
    }
    attend();
  };
  while (!scheduler.finished()) {
    if (time.is_over()) {
      master.give_up(Clock::now());
      journals.close();
      return;
    }
    if (master.alone())
      throw Interrupted(
          fmt::format("{}: no rank is left to compute: {} of {} tasks are missing{}; run the same "
                      "command again",
                      call.path.string(), scheduler.pending(), call.count, master.suspicion()));
    wait();
    master.dispatch(Clock::now());
  }
  master.finish();
  while (!master.closed() && !time.is_over()) wait();  // all that counts is recorded
  workspace.set_ranks_write(!master.all_closed());
  journals.close();
}

}  // namespace tasker::runtime
