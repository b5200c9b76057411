#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/process.hpp"
#include "cluster/cpus.hpp"
#include "run/compute_here.hpp"
#include "run/map.hpp"
#include "run/map_end.hpp"
#include "run/master.hpp"
#include "run/prepare.hpp"
#include "run/settings.hpp"
#include "run/workspace.hpp"
#include "store/paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// The hold may get lost, and progress is due: how long rank 0 sleeps at most.
constexpr Clock::duration longest_sleep = 2s;

/// A map on rank 0, step by step.
class RootMap {
 public:
  RootMap(Comm* comm, const detail::MapCall& call, std::uint64_t sequence, const base::CaughtSignal& drain)
      : comm_(comm),
        call_(call),
        name_(call.path.string()),
        sequence_(sequence),
        drain_(drain),
        begin_(Clock::now()) {}

  std::shared_ptr<const store::Archive> run() {
    if (comm_) gather();
    settings_ = apply_environment(call_.options);
    call_.options = settings_.options;
    call_ = prepared(std::move(call_));
    Reporter reporter(name_, call_.options.progress, begin_);
    for (const std::string& note : settings_.notes)
      if (sequence_ == 1) reporter.say(note);
    Workspace workspace(call_);
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
    workspace.open();
    say_begin(reporter, workspace, call_.count - workspace.missing().size());
    try {
      compute(workspace, reporter);
    } catch (const SystemError&) {
      workspace.check_directory();
      throw;
    }
    reporter.end();
    if (left_ > 0 && drain_.came()) {
      say_end(reporter, workspace);
      throw Interrupted(
          fmt::format("{} was stopped by SIGUSR1: {} of {} tasks are left; run the same command again", name_,
                      left_, call_.count));
    }
    if (outcome_.failed > 0 && call_.options.on_failure != OnFailure::keep) {
      say_end(reporter, workspace);
      throw_failed(workspace);
    }
    auto archive = workspace.finish(call_.options.on_failure == OnFailure::keep);
    say_end(reporter, workspace);
    return archive;
  }

 private:
  std::uint32_t slots() const { return slots_of(call_.options); }
  /// How many tasks are computed at a time.
  std::uint32_t workers() const {
    return (comm_ ? static_cast<std::uint32_t>(comm_->size()) - 1 : 1) * std::max(slots(), 1U);
  }
  std::string workers_text() const { return count_text(workers(), "worker"); }

  /// Waits until all ranks have called this map.
  void gather() {
    const Enter mine{sequence_, name_, call_.argument_type, call_.result_type};
    for (int missing = comm_->size() - 1; missing > 0;) {
      const auto envelope = comm_->wait(Time::max());
      if (!envelope) continue;
      const int rank = envelope->source;
      const auto kind = kind_of(envelope->bytes);
      if (kind == Kind::leave) {
        const auto leave = unpack<Leave>(envelope->bytes);
        if (!leave.message.empty())
          throw RankLeft(rank, fmt::format("rank {}: {}", rank, leave.message),
                         failure_code(leave.exit_code, exit_failed));
        throw RankLeft(
            rank,
            fmt::format("rank {} ended while rank 0 called map on {}; all ranks must call the same maps",
                        rank, mine.path),
            exit_usage);
      }
      if (kind != Kind::enter) continue;  // late: of a map that ended early
      Enter theirs = unpack<Enter>(envelope->bytes);
      if (theirs.sequence < mine.sequence) continue;  // late, too: that map ended before this rank called it
      if (pack(theirs) != pack(mine))
        throw UsageError(
            fmt::format("ranks call different maps, all must call the same ones in the same order: rank "
                        "0: map {} on {}, {} -> {}; rank {}: map {} on {}, {} -> {}",
                        mine.sequence, mine.path, mine.argument_type, mine.result_type, rank, theirs.sequence,
                        theirs.path, theirs.argument_type, theirs.result_type));
      --missing;
    }
  }

  void say_begin(Reporter& reporter, const Workspace& workspace, std::uint64_t reused) const {
    const store::MatchResult& match = workspace.match();
    std::string line =
        fmt::format("{} tasks: {} reused, {} to compute", call_.count, reused, call_.count - reused);
    if (match.carried > 0) line += fmt::format(", {} of other lists carried along", match.carried);
    line += fmt::format("; digest {}", workspace.digest());
    reporter.say(line);
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

  void say_end(Reporter& reporter, const Workspace& workspace) const {
    const auto wall = Clock::now() - begin_;
    const double share = std::chrono::duration<double>(outcome_.busy).count() /
                         (std::chrono::duration<double>(computing_).count() * workers());
    reporter.say(fmt::format("computed {}, reused {}, failed {} in {}; {}, utilisation {:.0f} %, {} per rank",
                             outcome_.computed - outcome_.failed, workspace.match().reused, outcome_.failed,
                             duration_text(wall), workers_text(), 100 * std::min(share, 1.0),
                             count_text(least_cpus_, "CPU")));
    const char* const threads = std::getenv("OMP_NUM_THREADS");
    if (threads && std::atol(threads) > static_cast<long>(least_cpus_))
      reporter.say(
          fmt::format("warning: OMP_NUM_THREADS={}, but a rank is bound to {} CPU(s); try mpirun --bind-to "
                      "none or --map-by slot:PE={}",
                      threads, least_cpus_, threads));
  }

  std::string dry_run_text(const Workspace& workspace) const {
    const std::uint64_t missing = workspace.missing().size();
    std::string text = fmt::format("{}: {} tasks: {} would be reused, {} computed", name_, call_.count,
                                   call_.count - missing, missing);
    const auto mean = missing > 0 ? workspace.mean_duration() : std::nullopt;
    if (mean)
      text += fmt::format(", in about {} with {}",
                          remaining_text(*mean * static_cast<double>(missing) / workers()), workers_text());
    return text;
  }

  void compute(Workspace& workspace, Reporter& reporter) {
    const auto begin = Clock::now();
    const base::WorkingDirectory
        kept;  // what `fn` makes of it here is as little of consequence as on other ranks
    Scheduler scheduler(workspace.missing());
    total_ = workspace.missing().size();
    if (total_ > 0) {
      if (comm_)
        compute_with_workers(workspace, scheduler, reporter);
      else
        compute_here(call_, workspace, scheduler, outcome_,
                     [&] { attend(workspace, scheduler, reporter, outcome_); });
    }
    computing_ = Clock::now() - begin;
    left_ = scheduler.pending();
  }

  /// What happens after every event.
  void attend(const Workspace& workspace, Scheduler& scheduler, Reporter& reporter,
              const Outcome& outcome) const {
    workspace.check_hold();
    const bool stopped = outcome.failed > 0 && call_.options.on_failure == OnFailure::stop;
    if (stopped || drain_.came()) scheduler.drain();
    reporter.update({total_, outcome.computed, outcome.failed, scheduler.idle_slots(), scheduler.slots()},
                    Clock::now());
  }

  void compute_with_workers(Workspace& workspace, Scheduler& scheduler, Reporter& reporter) {
    std::map<int, store::JournalWriter> journals;  // of ranks that don't see the directory
    const bool power = call_.options.durability == Durability::power;
    Master master(*comm_, call_, scheduler,
                  {[&](std::uint64_t index) { return workspace.attempt_of(index); },
                   [&](int rank, const Ready& who, std::string_view frame) {
                     journals.try_emplace(rank, workspace.journal(rank, who.host, who.build))
                         .first->second.append_built(frame);
                   },
                   [&](int rank) {
                     if (const auto journal = journals.find(rank); power && journal != journals.end())
                       journal->second.sync();
                   }});
    Start start{std::filesystem::absolute(workspace.directory()).string(),
                workspace.run(),
                workspace.sequence(),
                call_.count,
                call_.options.version,
                call_.options.inputs.low,
                call_.options.inputs.high,
                call_.options.seed,
                call_.options.keep_arguments,
                power,
                call_.options.columns,
                slots(),
                call_.options.retries,
                call_.options.timeout.count(),
                call_.options.memory_limit};
    for (int rank = 1; rank < comm_->size(); ++rank) comm_->send(rank, pack(start));
    const auto wait = [&] {
      std::vector<pollfd> watched;
      if (!drain_.came()) watched.push_back({drain_.fd(), POLLIN, 0});
      const auto envelope = comm_->wait(std::min(reporter.due(), Clock::now() + longest_sleep), watched);
      if (envelope) master.handle(*envelope);
      attend(workspace, scheduler, reporter, master.outcome());
    };
    while (!scheduler.finished()) {
      wait();
      master.dispatch(Clock::now());
    }
    master.finish();
    while (!master.closed()) wait();
    for (auto& [rank, journal] : journals) journal.close();
    outcome_ = master.outcome();
    for (const auto& [rank, who] : master.workers()) least_cpus_ = std::min(least_cpus_, who.cpus);
  }

  [[noreturn]] void throw_failed(const Workspace& workspace) const {
    std::string message = fmt::format("{} of {} tasks failed", outcome_.failed, call_.count);
    std::vector<TaskFailure> first;
    std::uint64_t others = outcome_.failed;
    for (const auto& [index, count, cause] : outcome_.failures.groups()) {
      message += count == 1 ? fmt::format("\n  task {}: {}", index, cause)
                            : fmt::format("\n  {} tasks: {}; first: task {}", count, cause, index);
      first.push_back({index, cause, count});
      others -= std::min(others, count);
    }
    if (others > 0) message += fmt::format("\n  and {} more", others);
    if (outcome_.computed + workspace.match().reused > outcome_.failed)
      message += fmt::format("\nAll other results are kept in {}; run the same command again to retry",
                             store::directory_of(name_).string());
    else
      message += "\nRun the same command again to retry";
    throw TasksFailed(message, outcome_.failed, call_.count, first);
  }

  Comm* comm_;
  detail::MapCall call_;
  std::string name_;  // the path as the program gave it
  std::uint64_t sequence_;
  const base::CaughtSignal& drain_;
  Time begin_;
  Settings settings_;
  std::uint64_t total_ = 0;
  std::uint64_t left_ = 0;  // that were not handed out
  Outcome outcome_;
  Clock::duration computing_{0};
  std::uint32_t least_cpus_ = cluster::available_cpus();
};

void send_to_all(Comm* comm, const End& end) {
  for (int rank = 1; comm && rank < comm->size(); ++rank) comm->send(rank, pack(end));
}

}  // namespace

std::shared_ptr<const detail::ResultSource> map_on_root(Comm* comm, const detail::MapCall& call,
                                                        std::uint64_t sequence,
                                                        const base::CaughtSignal& drain) {
  try {
    auto archive = RootMap(comm, call, sequence, drain).run();
    End end;
    end.tasks = archive->size();
    end.path = archive->path().string();
    end.archive = archive->description().id;
    send_to_all(comm, end);
    return archive;
  } catch (...) {
    send_to_all(comm, describe(std::current_exception()));
    throw;
  }
}

}  // namespace tasker::runtime
