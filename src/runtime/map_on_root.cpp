#include "base/file.hpp"
#include "base/sleep.hpp"
#include "cluster/cpus.hpp"
#include "cluster/report.hpp"
#include "execute/listener.hpp"
#include "execute/worker.hpp"
#include "runtime/arguments.hpp"
#include "runtime/gather.hpp"
#include "runtime/map.hpp"
#include "runtime/plan.hpp"
#include "runtime/serve.hpp"
#include "runtime/settings.hpp"
#include "runtime/workspace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <iostream>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// Names in the directory have fewer letters.
constexpr std::size_t longest_inside = 128;

void require_file_name(const std::filesystem::path& path) {
  if (path.empty())
    throw UsageError("map was given an empty path; name the file that its results shall be in");
  const std::filesystem::path directory = store::directory_of(base::absolute(path));
  if (directory.filename().native().size() > NAME_MAX ||
      directory.native().size() + longest_inside > PATH_MAX)
    throw UsageError(
        fmt::format("the name {} is too long, since {} is to be beside the file; choose a shorter one",
                    path.string(), directory.filename().string()));
  if (!path.has_filename() || base::is_directory(path))
    throw UsageError(fmt::format("{} names a directory; name a file that the results shall be in, such as {}",
                                 path.string(), (path / "results.dat").string()));
}

/// Absolute, since `fn` may change the working directory.
std::filesystem::path archive_path(const std::filesystem::path& path) {
  require_file_name(path);
  return base::absolute(path);
}

/// What `fn` is given to come out of when the time is up, before it is left where it is.
constexpr auto moment = 200ms;

/// A map on rank 0, step by step.
class RootMap {
 public:
  RootMap(Root& root, const detail::MapCall& call, std::uint64_t sequence)
      : root_(root),
        peers_(root.peers),
        call_(call),
        name_(call.path.string()),
        sequence_(sequence),
        begin_(Clock::now()) {}

  std::shared_ptr<const store::Archive> run() {
    settings_ = apply_environment(call_.options);
    call_.options = settings_.options;
    Timekeeper time(call_.options, root_.allocation, root_.drain);
    gather(peers_, {sequence_, name_, call_.argument_type, call_.result_type}, time);
    call_.path = archive_path(call_.path);
    Reporter reporter(name_, call_.options.progress, begin_);
    for (const std::string& note : settings_.notes)
      if (sequence_ == 1) reporter.say(note);
    Arguments arguments(call_);
    Workspace workspace(call_, arguments, ghosts());
    auto finished = workspace.finished();
    if (settings_.dry_run) {
      if (!finished) workspace.examine();
      const std::string text = dry_run_text(workspace, arguments);
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
      return compute_all(workspace, arguments, reporter, time);
    } catch (const TasksFailed&) {
      throw;
    } catch (const Error&) {
      workspace.require_hold();  // where it is lost, that is why all else fails
      throw;
    }
  }

  /// Whether the other ranks know already how it ended.
  bool is_told() const { return is_told_; }

 private:
  std::shared_ptr<const store::Archive> compute_all(Workspace& workspace, Arguments& arguments,
                                                    Reporter& reporter, Timekeeper& time) {
    schedule::Plan plan = make_plan(call_, arguments, workspace, time.frame());
    say_begin(reporter, workspace, call_.count - workspace.missing().size() - workspace.settled().failed);
    if (!workspace.missing().empty()) {
      say_isolation(reporter);
      say_binding(reporter);
      if (sequence_ == 1) say_time(reporter, time);
    }
    compute(workspace, arguments, reporter, time, std::move(plan));
    reporter.end();
    if (left_ > 0 && !stopped_by_failure_) {
      say_end(reporter, workspace);
      throw interrupted(time);
    }
    if (tally_.failed > 0 && call_.options.on_failure != OnFailure::keep) {
      say_end(reporter, workspace);
      throw tasks_failed(tally_, name_, call_.count, workspace.match().reused);
    }
    wait_for_ghosts(workspace, reporter, time);
    auto archive = workspace.finish(call_.options.on_failure == OnFailure::keep);
    say_end(reporter, workspace);
    return archive;
  }

  /// Ranks on other hosts hear of the death of this process when their host has been silent for long enough.
  std::chrono::milliseconds ghosts() const {
    if (!peers_.comm() || peers_.comm()->host_count() == 1) return std::chrono::milliseconds(0);
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
      auto signal = time.watched();
      base::sleep_until(std::min(workspace.ghosts_gone(), time.wake(now)), signal);
    }
  }

  Interrupted interrupted(const Timekeeper& time) const {
    return Interrupted(fmt::format("{} was stopped {}: {}; run the same command again", name_,
                                   time.reason(Clock::now()),
                                   left_text(left_, call_.count, left_work_, workers())));
  }

  std::uint32_t slots() const { return execute::slots_of(call_.options); }
  /// How many tasks are computed at a time.
  std::uint32_t workers() const {
    const std::uint32_t here = !peers_.comm() || call_.options.root_computes ? 1 : 0;
    const std::uint32_t others = peers_.comm() ? static_cast<std::uint32_t>(peers_.comm()->size()) - 1 : 0;
    return (others + here) * std::max(slots(), 1U);
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
    if (root_.authors.is_another(call_.path, workspace.digest(), call_.function) && reused > 0)
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
    if (peers_.comm() && slots() > cluster::available_cpus() && cluster::is_bound_by_mpirun())
      reporter.say(
          fmt::format("mpirun has bound each rank to {}, which its {} share, unless it is alone on its node: "
                      "mpirun --bind-to none binds it to none",
                      count_text(cluster::available_cpus(), "CPU"), count_text(slots(), "slot")));
  }

  void say_time(Reporter& reporter, const Timekeeper& time) const {
    if (time.frame())
      reporter.say("time for tasks: " +
                   duration_text(std::max(time.frame()->end - Clock::now(), Clock::duration(0))));
    else if (!root_.allocation.trouble().empty())
      reporter.say("it is not known when this job ends (" + root_.allocation.trouble() +
                   "); set TASKER_TIME_LIMIT");
  }

  void say_end(Reporter& reporter, const Workspace& workspace) const {
    const auto wall = Clock::now() - begin_;
    const double share = tally_.busy / offered_;
    const std::uint32_t cpus = std::min(least_cpus_, cluster::available_cpus());
    reporter.say(fmt::format("computed {}, reused {}, failed {} in {}; {}, utilisation {:.0f} %, {} per rank",
                             tally_.tasks - tally_.failed, workspace.match().reused, tally_.failed,
                             duration_text(wall), workers_text(), 100 * std::min(share, 1.0),
                             count_text(cpus, "CPU")));
    const char* const threads = std::getenv("OMP_NUM_THREADS");
    if (threads && std::atol(threads) > static_cast<long>(cpus))
      reporter.say(
          fmt::format("warning: OMP_NUM_THREADS={}, but a rank is bound to {} CPU(s); try mpirun --bind-to "
                      "none or --map-by slot:PE={}",
                      threads, cpus, threads));
  }

  std::string dry_run_text(Workspace& workspace, Arguments& arguments) const {
    const std::uint64_t missing = workspace.missing().size();
    std::string text = fmt::format("{}: {} tasks: {} would be reused, {} computed", name_, call_.count,
                                   call_.count - missing, missing);
    if (missing == 0) return text;
    schedule::Plan plan = make_plan(call_, arguments, workspace, std::nullopt);
    const schedule::Pace pace = past_pace(workspace.catalog(), plan.expected);
    const schedule::Scheduler scheduler(workspace.missing(), std::move(plan), pace);
    if (const auto work = scheduler.pending_work())
      text += fmt::format(", in about {} with {}", remaining_text(*work / workers()), workers_text());
    return text;
  }

  bool stopped_by_failure() const { return tally_.failed > 0 && call_.options.on_failure == OnFailure::stop; }

  void compute(Workspace& workspace, Arguments& arguments, Reporter& reporter, Timekeeper& time,
               schedule::Plan plan) {
    counted_ = Clock::now();
    present_ = workers();
    total_ = workspace.missing().size();
    const schedule::Pace pace = past_pace(workspace.catalog(), plan.expected);
    // Where something is to be reused all arguments are made by now, else none of the tasks is anything but
    // missing.
    base::IntervalSet pending = workspace.missing();
    pending.erase({arguments.made(), call_.count});
    schedule::Scheduler scheduler(pending, std::move(plan), pace, !arguments.all_made());
    scheduler.set_time(time.frame());
    if (time.stopped()) scheduler.drain();
    if (total_ > 0) serve_and_take_part(workspace, arguments, scheduler, reporter, time);
    stopped_by_failure_ = stopped_by_failure();
    tally_.add(workspace.settled());
    count_offer(scheduler);
    note_left(scheduler);
  }

  /// Of those whose arguments are not made nobody knows more than of the others.
  void note_left(const schedule::Scheduler& scheduler) {
    left_ = total_ - scheduler.done_count();
    left_work_ = scheduler.pending_work();
    if (left_work_ && scheduler.pending() > 0)
      left_work_ = *left_work_ * (static_cast<double>(left_) / static_cast<double>(scheduler.pending()));
  }

  /// Another thread serves; this one makes arguments and computes, or waits.
  void serve_and_take_part(Workspace& workspace, Arguments& arguments, schedule::Scheduler& scheduler,
                           Reporter& reporter, Timekeeper& time) {
    const base::WorkingDirectory
        kept;  // what `fn` makes of it here is as little of consequence as on other ranks
    const std::function<void()> attend = [&] { this->attend(workspace, scheduler, reporter); };
    const talk::Start start{workspace.directory().string(),
                            workspace.run(),
                            workspace.sequence(),
                            workspace.job(),
                            call_.count,
                            call_.options,
                            time.left(Clock::now())};
    const auto lost_after = std::chrono::duration_cast<std::chrono::milliseconds>(call_.options.lost_after);
    if (peers_.comm()) peers_.comm()->set_lost_after(lost_after);
    cluster::set_lost_after(lost_after);
    const Service service{peers_,      call_,     arguments, start,    cluster::has_launcher(),
                          workspace,   scheduler, tally_,    reporter, time,
                          least_cpus_, attend};
    execute::Desk& desk = root_.desk;
    execute::Listener listener(desk);
    peers_.take(listener);
    root_.thread.begin([&] {
      try {
        serve(service);
      } catch (...) {
        desk.close(true);
        if (!desk.wait_until_left(Clock::now() + moment)) tell_failure(std::current_exception(), workspace);
        throw;
      }
      desk.close(true);
      if (!time.is_over() || desk.wait_until_left(Clock::now() + moment)) return;
      note_left(scheduler);
      if (left_ == 0) return;  // all is recorded: it is in no task
      reporter.end();
      const auto end = std::make_exception_ptr(interrupted(time));
      tell(talk::describe(end));
      root_.end_process(talk::describe(end));
    });
    execute::take_part(desk, call_, talk::Peers::self, [&] { return make_more(arguments, desk); });
    const struct Served {
      talk::Peers& peers;
      ~Served() { peers.let_go(); }
    } served{peers_};
    root_.thread.wait();
  }

  static bool make_more(Arguments& arguments, execute::Desk& desk) {
    const std::uint64_t before = arguments.made();
    const bool more = arguments.make_more();
    if (before < arguments.made()) desk.post(talk::pack(talk::Made{{{before, arguments.made()}}, more}));
    return more;
  }

  void tell(const talk::Thrown& thrown) {
    is_told_ = true;
    peers_.send_to_others(talk::pack(talk::End{thrown}));
  }

  /// While this process's main thread is in `fn`, perhaps for long.
  void tell_failure(const std::exception_ptr& exception, const Workspace& workspace) {
    try {
      workspace.require_hold();
      tell(talk::describe(exception));
    } catch (...) {
      tell(talk::describe(std::current_exception()));
    }
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
    reporter.update({total_, tally_.tasks, tally_.failed, scheduler.resting_slots(), scheduler.slots()},
                    Clock::now());
  }

  Root& root_;
  talk::Peers& peers_;
  detail::MapCall call_;
  std::string name_;  // the path as the program gave it
  std::uint64_t sequence_;
  Time begin_;
  Settings settings_;
  std::uint64_t total_ = 0;
  bool stopped_by_failure_ = false;
  std::uint64_t left_ = 0;                                  // that were not handed out, or in vain
  std::optional<std::chrono::duration<double>> left_work_;  // how long they would keep one worker busy
  talk::Tally tally_;
  std::uint32_t least_cpus_ = UINT32_MAX;  // that any rank may use that computes
  bool is_told_ = false;
  std::chrono::duration<double> offered_{0};  // by workers, as long as they lived
  Time counted_;
  std::size_t present_ = 0;  // workers from then on
};

}  // namespace

std::shared_ptr<const detail::ResultSource> map_on_root(Root& root, const detail::MapCall& call,
                                                        std::uint64_t sequence) {
  RootMap map(root, call, sequence);
  try {
    auto archive = map.run();
    root.peers.send_to_others(
        talk::pack(talk::End{{}, archive->size(), archive->path().string(), archive->description().id}));
    return archive;
  } catch (...) {
    if (!map.is_told())
      root.peers.send_to_others(talk::pack(talk::End{talk::describe(std::current_exception())}));
    talk::rethrow_as_error();
  }
}

}  // namespace tasker::runtime
