#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/sleep.hpp"
#include "cluster/cpus.hpp"
#include "cluster/launcher.hpp"
#include "cluster/report.hpp"
#include "runtime/computation.hpp"
#include "runtime/gather.hpp"
#include "runtime/join.hpp"
#include "runtime/open_gate.hpp"
#include "runtime/plan.hpp"
#include "runtime/root_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <iostream>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// How long to wait for a run that can't be joined before another look, and meanwhile between looks at its
/// fence.
constexpr auto between_looks = 1min;
constexpr auto moment = 1s;
/// Longer than any name in the directory.
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

/// How long ranks may go on writing when this process has died: those on other hosts notice its death only
/// when this host has been silent for long enough.
std::chrono::milliseconds ghosts(talk::Comm* comm, const Options& options) {
  if (!comm || comm->host_count() == 1) return 0ms;
  return std::chrono::ceil<std::chrono::milliseconds>(options.lost_after) + 5s;
}

std::string dry_run_text(RootMap& map) {
  const std::uint64_t missing = map.workspace().missing().size();
  std::string text = fmt::format("{}: {} tasks: {} would be reused, {} computed", map.name, map.call.count,
                                 map.call.count - missing, missing);
  if (missing == 0) return text;
  schedule::Plan plan = make_plan(map.call, map.arguments, map.workspace(), std::nullopt);
  const schedule::Pace pace = past_pace(map.workspace().catalog(), plan.expected);
  const schedule::Scheduler scheduler(map.workspace().missing(), std::move(plan), pace);
  if (const auto work = scheduler.pending_work())
    text += fmt::format(", in about {} with {}", remaining_text(*work / map.workers()),
                        count_text(map.workers(), "worker"));
  return text;
}

void say_begin(RootMap& map, std::uint64_t reused) {
  const Workspace& workspace = map.workspace();
  const store::MatchResult& match = workspace.match();
  const std::uint64_t failed = workspace.settled().failed;
  std::string line = fmt::format("{} tasks: {} reused, {} to compute", map.call.count, reused,
                                 map.call.count - reused - failed);
  if (failed > 0) line += fmt::format(", {} failed before and stay so", failed);
  if (match.carried > 0) line += fmt::format(", {} of other lists carried along", match.carried);
  line += fmt::format("; digest {}", workspace.digest());
  map.reporter.say(line);
  if (map.root.authors.is_another(map.call.path, workspace.digest(), map.call.function) && reused > 0)
    map.reporter.say(
        "warning: these results are of another function, or of other captured values, that this program "
        "has mapped to the file; tell them apart by Options::version or inputs, or by the file's name");
  if (match.other_build > 0)
    map.reporter.say(
        fmt::format("reusing {} results of another build; change version to recompute", match.other_build));
  if (workspace.damaged_results() > 0)
    map.reporter.say(fmt::format("{} results were damaged in the archive and are computed again",
                                 workspace.damaged_results()));
  if (workspace.damaged_bytes() > 0)
    map.reporter.say(fmt::format("{} bytes of {} are damaged; what they recorded is computed again",
                                 workspace.damaged_bytes(), workspace.directory().string()));
}

/// Options that only work, or are only switched on, together with another one.
void say_isolation(RootMap& map) {
  const Options& options = map.call.options;
  const bool isolates = execute::slots_of(options) > 0;
  if (!isolates && options.capture == Capture::all)
    map.reporter.say("capture keeps the output of isolated tasks only; set isolation or slots");
  if (!isolates || options.slots > 0 || options.isolation == Isolation::process) return;
  map.reporter.say(fmt::format("{} needs isolation: tasks are called in processes of their own",
                               options.timeout.count() > 0 ? "timeout" : "memory_limit"));
}

void say_binding(RootMap& map) {
  const std::uint32_t slots = execute::slots_of(map.call.options);
  if (!map.is_alone() && slots > cluster::available_cpus() && cluster::is_bound_by_mpirun())
    map.reporter.say(
        fmt::format("mpirun has bound each rank to {}, which its {} share, unless it is alone on its node: "
                    "mpirun --bind-to none binds it to none",
                    count_text(cluster::available_cpus(), "CPU"), count_text(slots, "slot")));
}

void say_time(RootMap& map) {
  if (map.time.frame())
    map.reporter.say("time for tasks: " +
                     duration_text(std::max(map.time.frame()->end - Clock::now(), Clock::duration(0))));
  else if (!map.root.allocation.trouble().empty())
    map.reporter.say("it is not known when this job ends (" + map.root.allocation.trouble() +
                     "); set TASKER_TIME_LIMIT");
}

std::shared_ptr<const store::Archive> dry_run(RootMap& map, std::shared_ptr<const store::Archive> finished) {
  if (!finished) map.workspace().examine();
  const std::string text = dry_run_text(map);
  if (!finished) throw DryRun(text);
  std::cout << text << std::endl;
  return finished;
}

}  // namespace

schedule::Plan begin(RootMap& map, const detail::MapCall& call) {
  Workspace& workspace = map.workspace();
  workspace.open([&](const store::Fence& fence, store::Holder& self) { open_gate(map, fence, self); });
  schedule::Plan plan = make_plan(call, map.arguments, workspace, map.time.frame());
  say_begin(map, map.call.count - workspace.missing().size() - workspace.settled().failed);
  if (!workspace.missing().empty()) {
    say_isolation(map);
    say_binding(map);
    if (map.is_first()) say_time(map);
  }
  return plan;
}

namespace {

/// On a terminal, waits for a run that can't be joined until it has given the directory back, or another look
/// is due.
void wait_for(RootMap& map, const store::Held& held) {
  const auto fence = store::fence_path(map.workspace().directory(), held.by().holder.run);
  const Time until = Clock::now() + between_looks;
  const base::ProcessId& process = held.by().holder.process;
  map.reporter.say(fmt::format("waits for the run of process {} on {}, which it can't join{}{}", process.pid,
                               process.host, held.why().empty() ? "" : ": ", held.why()));
  while (base::file_exists(fence) && Clock::now() < until &&
         base::life_of(held.by().holder.process) != base::Life::dead) {
    map.time.look(Clock::now());
    if (map.time.stopped()) throw held;
    auto watched = map.time.watched();
    base::sleep_until(Clock::now() + moment, watched);
  }
}

/// Joins the run that leads; nothing if it is gone before the map has ended.
std::optional<Ended> join_or_wait(RootMap& map, const store::Held& held) {
  try {
    return join(map, held);
  } catch (const store::Held& refused) {
    map.before.history.add(cluster::held);
    // Ranks that have been at work for another run can't begin anew.
    if (!map.reporter.is_on_terminal() || !map.self.job.empty() || map.before.joined) throw;
    wait_for(map, refused);
    map.root.desk.emplace();
    return std::nullopt;
  }
}

/// Leads the map, or joins the run that leads it. Nothing if that run is gone before the map has ended.
std::optional<Ended> lead_or_join(RootMap& map) {
  try {
    return ended_with(Computation(map, begin(map, map.call)).run());
  } catch (const store::Held& held) {
    return join_or_wait(map, held);
  } catch (const TasksFailed&) {
    throw;
  } catch (const Error&) {
    map.workspace().require_hold();  // if the hold is lost, that is the cause of any other error
    throw;
  }
}

Ended run(Root& root, const detail::MapCall& call, std::uint64_t sequence) {
  RootMap map(root, call, sequence);
  if (!map.call.options.ticket.empty() && !map.settings.dry_run) return join_by_ticket(map);
  for (;;) {
    map.look_again();
    auto finished = map.workspace().finished();
    if (map.settings.dry_run) return ended_with(dry_run(map, std::move(finished)));
    if (finished) {
      map.workspace().tidy();
      say_begin(map, map.call.count);
      map.root.leads = true;
      return ended_with(std::move(finished));
    }
    if (auto ended = lead_or_join(map)) return *ended;
  }
}

}  // namespace

RootMap::RootMap(Root& its_root, const detail::MapCall& its_call, std::uint64_t its_sequence)
    : root(its_root),
      sequence(its_sequence),
      name(its_call.path.string()),
      settings(apply_environment(its_call.options)),
      time(settings.options, root.allocation, root.drain),
      reporter(name, settings.options.progress, begin),
      call(prepared(its_call)),
      arguments(call),
      self{base::to_hex(base::random_id()), cluster::slurm_job(), root.process,
           ghosts(root.peers.comm(), call.options)},
      before{cluster::was_requeued(), {}, {}, root.history},
      has_launcher(cluster::has_launcher()) {}

void RootMap::look_again() {
  workspace_.reset();
  gate.reset();
  workspace_.emplace(call, arguments, self, before);
}

void RootMap::set_lost_after() {
  const auto lost_after = std::chrono::duration_cast<std::chrono::milliseconds>(call.options.lost_after);
  if (!is_alone()) root.peers.comm()->set_lost_after(lost_after);
  cluster::set_lost_after(lost_after);
}

detail::MapCall RootMap::prepared(detail::MapCall its_call) {
  gather(root.peers, {sequence, name, its_call.argument_type, its_call.result_type}, time);
  require_file_name(its_call.path);
  its_call.path = base::absolute(its_call.path);
  its_call.options = settings.options;
  if (std::string& invite = its_call.options.invite; !invite.empty()) invite = base::absolute(invite);
  for (const std::string& note : settings.notes)
    if (is_first()) reporter.say(note);
  return its_call;
}

talk::End end_of(const store::Archive& archive) {
  return {{}, archive.size(), archive.path().string(), archive.description().id};
}

Ended ended_with(std::shared_ptr<const store::Archive> archive) {
  const talk::End end = end_of(*archive);
  return {std::move(archive), end};
}

std::uint32_t RootMap::workers() const {
  const std::uint32_t others = is_alone() ? 0 : static_cast<std::uint32_t>(root.peers.comm()->size()) - 1;
  return (others + (root_computes() ? 1 : 0)) * std::max(execute::slots_of(call.options), 1U);
}

std::shared_ptr<const detail::ResultSource> map_on_root(Root& root, const detail::MapCall& call,
                                                        std::uint64_t sequence) {
  try {
    const Ended ended = run(root, call, sequence);
    root.peers.send_to_others(talk::pack(ended.end));
    return ended.results;
  } catch (...) {
    if (!root.is_told)
      root.peers.send_to_others(talk::pack(talk::End{talk::describe(std::current_exception())}));
    talk::rethrow_as_error();
  }
}

}  // namespace tasker::runtime
