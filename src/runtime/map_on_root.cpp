#include "base/file.hpp"
#include "cluster/cpus.hpp"
#include "runtime/compute_here.hpp"
#include "runtime/compute_with_workers.hpp"
#include "runtime/gather.hpp"
#include "runtime/make_plan.hpp"
#include "runtime/map.hpp"
#include "runtime/outcome.hpp"
#include "runtime/past.hpp"
#include "runtime/prepare.hpp"
#include "runtime/settings.hpp"
#include "runtime/workspace.hpp"
#include "talk/map_end.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// A map on rank 0, step by step.
class RootMap {
 public:
  RootMap(talk::Comm* comm, const detail::MapCall& call, std::uint64_t sequence, Authors& authors,
          cluster::Allocation& allocation, const base::CaughtSignal& drain)
      : comm_(comm),
        call_(call),
        name_(call.path.string()),
        sequence_(sequence),
        authors_(authors),
        allocation_(allocation),
        drain_(drain),
        begin_(Clock::now()) {}

  std::shared_ptr<const store::Archive> run() {
    settings_ = apply_environment(call_.options);
    call_.options = settings_.options;
    Timekeeper time(call_.options, allocation_, drain_);
    if (comm_) gather(*comm_, {sequence_, name_, call_.argument_type, call_.result_type}, time);
    call_ = prepared(std::move(call_));
    Reporter reporter(name_, call_.options.progress, begin_);
    for (const std::string& note : settings_.notes)
      if (sequence_ == 1) reporter.say(note);
    Workspace workspace(call_, ghosts());
    auto finished = workspace.finished();
    if (settings_.dry_run) {
      if (!finished) workspace.examine();
      const std::string text = dry_run_text(workspace);
      if (!finished) throw DryRun(text);
      std::cout << text << std::endl;
      return finished;
    }
    if (finished) {
      workspace.tidy();
      say_begin(reporter, workspace, call_.count);
      return finished;
    }
    try {
      workspace.open();
      return compute_all(workspace, reporter, time);
    } catch (const TasksFailed&) {
      throw;
    } catch (const Error&) {
      workspace.require_hold();  // where it is lost, that is why all else fails
      throw;
    }
  }

 private:
  std::shared_ptr<const store::Archive> compute_all(Workspace& workspace, Reporter& reporter,
                                                    Timekeeper& time) {
    schedule::Plan plan = make_plan(call_, workspace, time.frame());
    say_begin(reporter, workspace, call_.count - workspace.missing().size() - workspace.settled().failed);
    if (!workspace.missing().empty()) {
      say_isolation(reporter);
      say_binding(reporter);
      if (sequence_ == 1) say_time(reporter, time);
    }
    compute(workspace, reporter, time, std::move(plan));
    reporter.end();
    if (left_ > 0 && !stopped_by_failure_) {
      say_end(reporter, workspace);
      throw Interrupted(fmt::format("{} was stopped {}: {}; run the same command again", name_,
                                    time.reason(Clock::now()),
                                    left_text(left_, call_.count, left_work_, workers())));
    }
    if (outcome_.failed > 0 && call_.options.on_failure != OnFailure::keep) {
      say_end(reporter, workspace);
      throw tasks_failed(outcome_, name_, call_.count, workspace.match().reused);
    }
    wait_for_ghosts(workspace, reporter, time);
    auto archive = workspace.finish(call_.options.on_failure == OnFailure::keep);
    say_end(reporter, workspace);
    return archive;
  }

  /// Ranks on other hosts hear of the death of this process when their host has been silent for long enough.
  std::chrono::milliseconds ghosts() const {
    if (!comm_ || comm_->host_count() == 1) return std::chrono::milliseconds(0);
    return std::chrono::ceil<std::chrono::milliseconds>(call_.options.lost_after) + 5s;
  }

  /// What ranks of an earlier run still record belongs into the archive.
  void wait_for_ghosts(const Workspace& workspace, Reporter& reporter, Timekeeper& time) const {
    if (const auto left = workspace.ghosts_gone() - Clock::now(); left > 0s)
      reporter.say(fmt::format("waits {} until no rank of an earlier run can record anything any more",
                               duration_text(left)));
    for (auto now = Clock::now(); now < workspace.ghosts_gone(); now = Clock::now()) {
      workspace.check_hold();
      time.look(now);
      if (time.stopped())
        throw Interrupted(
            fmt::format("{} was stopped {}: all results are there, but not its archive; run the same "
                        "command again",
                        name_, time.reason(now)));
      const auto pause = std::min(workspace.ghosts_gone(), time.wake(now)) - now;
      auto signal = time.watched();
      ::poll(signal.data(), signal.size(),
             static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(pause).count()));
    }
  }

  std::uint32_t slots() const { return slots_of(call_.options); }
  /// How many tasks are computed at a time.
  std::uint32_t workers() const {
    return (comm_ ? static_cast<std::uint32_t>(comm_->size()) - 1 : 1) * std::max(slots(), 1U);
  }
  std::string workers_text() const { return count_text(workers(), "worker"); }

  void say_begin(Reporter& reporter, const Workspace& workspace, std::uint64_t reused) {
    const store::MatchResult& match = workspace.match();
    std::string line = fmt::format("{} tasks: {} reused, {} to compute", call_.count, reused,
                                   call_.count - reused - workspace.settled().failed);
    if (workspace.settled().failed > 0)
      line += fmt::format(", {} failed before and stay so", workspace.settled().failed);
    if (match.carried > 0) line += fmt::format(", {} of other lists carried along", match.carried);
    line += fmt::format("; digest {}", workspace.digest());
    reporter.say(line);
    if (authors_.is_another(call_.path, workspace.digest(), call_.function) && reused > 0)
      reporter.say(
          "warning: these results are of another function, or of other captured values, that this program "
          "has mapped to the file; tell them apart by Options::version or inputs, or by the file's name");
    if (match.other_build > 0)
      reporter.say(
          fmt::format("reusing {} results of another build; change version to recompute", match.other_build));
    if (workspace.damaged_results() > 0)
      reporter.say(fmt::format("{} results were damaged in the archive and are computed again",
                               workspace.damaged_results()));
    if (workspace.damaged_bytes() > 0)
      reporter.say(fmt::format("{} bytes of {} are damaged; what they recorded is computed again",
                               workspace.damaged_bytes(), workspace.directory().string()));
  }

  /// What was not asked for by its name.
  void say_isolation(Reporter& reporter) const {
    const Options& options = call_.options;
    if (slots() == 0 && options.capture == Capture::all)
      reporter.say("capture keeps the output of isolated tasks only; set isolation or slots");
    if (slots() == 0 || options.slots > 0 || options.isolation == Isolation::process) return;
    reporter.say(fmt::format("{} needs isolation: tasks are called in processes of their own",
                             options.timeout.count() > 0 ? "timeout" : "memory_limit"));
  }

  void say_binding(Reporter& reporter) const {
    if (comm_ && slots() > cluster::available_cpus() && cluster::is_bound_by_mpirun())
      reporter.say(
          fmt::format("mpirun has bound each rank to {}, which its {} share, unless it is alone on its node: "
                      "mpirun --bind-to none binds it to none",
                      count_text(cluster::available_cpus(), "CPU"), count_text(slots(), "slot")));
  }

  void say_time(Reporter& reporter, const Timekeeper& time) const {
    if (time.frame())
      reporter.say("time for tasks: " +
                   duration_text(std::max(time.frame()->end - Clock::now(), Clock::duration(0))));
    else if (!allocation_.trouble().empty())
      reporter.say("it is not known when this job ends (" + allocation_.trouble() +
                   "); set TASKER_TIME_LIMIT");
  }

  void say_end(Reporter& reporter, const Workspace& workspace) const {
    const auto wall = Clock::now() - begin_;
    const double share = outcome_.busy / offered_;
    reporter.say(fmt::format("computed {}, reused {}, failed {} in {}; {}, utilisation {:.0f} %, {} per rank",
                             outcome_.computed - outcome_.failed, workspace.match().reused, outcome_.failed,
                             duration_text(wall), workers_text(), 100 * std::min(share, 1.0),
                             count_text(outcome_.least_cpus, "CPU")));
    const char* const threads = std::getenv("OMP_NUM_THREADS");
    if (threads && std::atol(threads) > static_cast<long>(outcome_.least_cpus))
      reporter.say(
          fmt::format("warning: OMP_NUM_THREADS={}, but a rank is bound to {} CPU(s); try mpirun --bind-to "
                      "none or --map-by slot:PE={}",
                      threads, outcome_.least_cpus, threads));
  }

  std::string dry_run_text(Workspace& workspace) const {
    const std::uint64_t missing = workspace.missing().size();
    std::string text = fmt::format("{}: {} tasks: {} would be reused, {} computed", name_, call_.count,
                                   call_.count - missing, missing);
    if (missing == 0) return text;
    schedule::Plan plan = make_plan(call_, workspace, std::nullopt);
    const schedule::Pace pace = past_pace(workspace.catalog(), plan.expected);
    const schedule::Scheduler scheduler(workspace.missing(), std::move(plan), pace);
    if (const auto work = scheduler.pending_work())
      text += fmt::format(", in about {} with {}", remaining_text(*work / workers()), workers_text());
    return text;
  }

  bool stopped_by_failure() const {
    return outcome_.failed > 0 && call_.options.on_failure == OnFailure::stop;
  }

  void compute(Workspace& workspace, Reporter& reporter, Timekeeper& time, schedule::Plan plan) {
    counted_ = Clock::now();
    present_ = workers();
    const base::WorkingDirectory
        kept;  // what `fn` makes of it here is as little of consequence as on other ranks
    const schedule::Pace pace = past_pace(workspace.catalog(), plan.expected);
    schedule::Scheduler scheduler(workspace.missing(), std::move(plan), pace);
    scheduler.set_time(time.frame());
    if (time.stopped()) scheduler.drain();
    total_ = workspace.missing().size();
    const auto attend = [&] { this->attend(workspace, scheduler, reporter); };
    if (total_ > 0) {
      if (comm_)
        compute_with_workers(*comm_, call_, workspace, scheduler, outcome_, reporter, time, attend);
      else
        compute_here(call_, workspace, scheduler, outcome_, time, attend);
    }
    stopped_by_failure_ = stopped_by_failure();
    const execute::ChunkReport& settled = workspace.settled();
    outcome_.add(settled.failed, settled.failed, settled.failures.groups(), {});
    count_offer(scheduler);
    left_ = scheduler.pending();
    left_work_ = scheduler.pending_work();
  }

  /// What workers could do since this was counted last; later they may be fewer.
  void count_offer(const schedule::Scheduler& scheduler) {
    const Time now = Clock::now();
    offered_ += static_cast<double>(present_) * (now - counted_);
    counted_ = now;
    present_ = scheduler.slots();
  }

  /// What happens after every event.
  void attend(const Workspace& workspace, schedule::Scheduler& scheduler, Reporter& reporter) {
    workspace.check_hold();
    if (stopped_by_failure()) scheduler.drain();
    if (scheduler.slots() != present_) count_offer(scheduler);
    reporter.update(
        {total_, outcome_.computed, outcome_.failed, scheduler.resting_slots(), scheduler.slots()},
        Clock::now());
  }

  talk::Comm* comm_;
  detail::MapCall call_;
  std::string name_;  // the path as the program gave it
  std::uint64_t sequence_;
  Authors& authors_;
  cluster::Allocation& allocation_;
  const base::CaughtSignal& drain_;
  Time begin_;
  Settings settings_;
  std::uint64_t total_ = 0;
  bool stopped_by_failure_ = false;
  std::uint64_t left_ = 0;                    // that were not handed out, or in vain
  std::optional<Clock::duration> left_work_;  // how long they would keep one worker busy
  Outcome outcome_;
  std::chrono::duration<double> offered_{0};  // by workers, as long as they lived
  Time counted_;
  std::size_t present_ = 0;  // workers from then on
};

void send_to_all(talk::Comm* comm, const talk::End& end) {
  for (int rank = 1; comm && rank < comm->size(); ++rank) comm->send(rank, talk::pack(end));
}

}  // namespace

std::shared_ptr<const detail::ResultSource> map_on_root(talk::Comm* comm, const detail::MapCall& call,
                                                        std::uint64_t sequence, Authors& authors,
                                                        cluster::Allocation& allocation,
                                                        const base::CaughtSignal& drain) {
  try {
    auto archive = RootMap(comm, call, sequence, authors, allocation, drain).run();
    talk::End end;
    end.tasks = archive->size();
    end.path = archive->path().string();
    end.archive = archive->description().id;
    send_to_all(comm, end);
    return archive;
  } catch (...) {
    send_to_all(comm, talk::describe(std::current_exception()));
    talk::rethrow_as_error();
  }
}

}  // namespace tasker::runtime
