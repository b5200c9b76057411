#include "runtime/joined_runs.hpp"

#include "base/hash.hpp"
#include "runtime/open_gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

constexpr std::int32_t most_ranks = 1 << 20;
/// How long the end of the map may take to leave this process.
constexpr auto time_to_send = 5s;

/// How often those that have joined are told how far the map is.
constexpr auto between_stands = 2s;

/// This process looks every two seconds, unless it stands still.
constexpr auto most_between_looks = 5s;

/// A longer time might overflow.
constexpr std::chrono::hours longest_time{24 * 36500};

/// The time that a run has for its tasks.
std::optional<schedule::TimeFrame> frame_of(const talk::Join& join, std::chrono::nanoseconds left) {
  if (left == std::chrono::nanoseconds::max()) return std::nullopt;
  return schedule::TimeFrame{Clock::now() + std::min<std::chrono::nanoseconds>(left, longest_time),
                             join.time_whole};
}

bool makes_sense(const talk::Join& join) {
  const auto& ranks = join.ranks;
  std::uint64_t id = 0;
  return base::from_hex(join.run, id) && join.slots <= execute::most_slots &&
         (ranks.empty() || (ranks.front() >= 0 && ranks.back() < most_ranks)) &&
         std::ranges::adjacent_find(ranks, std::greater_equal()) == ranks.end();
}

}  // namespace

JoinedRuns::JoinedRuns(RootMap& map, Master& master, schedule::Scheduler& scheduler, const talk::Start& start)
    : map_(map),
      master_(master),
      scheduler_(scheduler),
      start_(start),
      user_(base::user_name()),
      expected_(map.workspace().may_join()) {
  if (map_.gate) map_.root.peers.open(*map_.gate);
}

JoinedRuns::~JoinedRuns() { map_.root.peers.close(); }

void JoinedRuns::handle(const talk::Envelope& envelope) {
  const auto worker = workers_.find(envelope.source);
  const auto kind = talk::kind_of(envelope.bytes);
  if (worker != workers_.end() && envelope.lost && master_.is_open(envelope.source))
    runs_.at(worker->second).any_died = true;
  try {
    if (worker == workers_.end())
      handle_run(envelope);
    else if (envelope.lost)
      lose_worker(envelope, runs_.at(worker->second).who);
    else if (kind != talk::kind<talk::Trouble> && kind != talk::kind<talk::Leave>)
      master_.handle(envelope);
    else
      throw DamagedError("its rank 0 should have heard that");
  } catch (const DamagedError& error) {
    const int number = worker == workers_.end() ? envelope.source : worker->second;
    map_.reporter.say(fmt::format("a run that has joined is let go of: {}", error.what()));
    map_.gate->close(number);
  }
  if (envelope.lost && worker != workers_.end()) workers_.erase(worker);
}

/// A run of one rank may be gone since its task has killed it.
void JoinedRuns::lose_worker(talk::Envelope envelope, const talk::Join& run) {
  envelope.silent = envelope.silent && run.ranks.size() > 1;
  master_.handle(envelope);
}

void JoinedRuns::handle_run(const talk::Envelope& envelope) {
  const auto kind = talk::kind_of(envelope.bytes);
  const auto run = runs_.find(envelope.source);
  if (envelope.lost) {
    waiting_.erase(envelope.source);
    if (run == runs_.end()) return;
    if (run->second.any_died)
      map_.workspace().lose_run(run->second.who.run, run->second.who.ghosts);
    else
      map_.workspace().remove_run(run->second.who.run);
    map_.reporter.say(fmt::format("the run on {} that had joined {}", run->second.who.host,
                                  run->second.any_died ? "is gone" : "has left"));
    runs_.erase(run);
  } else if (kind == talk::kind<talk::Join> && run == runs_.end()) {
    waiting_[envelope.source] = talk::unpack<talk::Join>(envelope.bytes);
    answer();
  } else if (kind == talk::kind<talk::Invite> && run == runs_.end()) {
    talk::unpack<talk::Invite>(envelope.bytes);
    invite(envelope.source);
  } else if (kind == talk::kind<talk::TimeLeft> && run != runs_.end()) {
    run->second.heard = Clock::now();
    const auto time = talk::unpack<talk::TimeLeft>(envelope.bytes);
    for (const std::int32_t rank : run->second.who.ranks) {
      const int peer = run->second.ranks_at + rank;
      scheduler_.set_time(peer, frame_of(run->second.who, time.left));
      if (time.stop) master_.retire(peer);
    }
  } else {
    throw DamagedError("it sent a message that was not expected");
  }
}

/// If this process has stood still itself, the time begins anew.
void JoinedRuns::look(Time now) {
  const bool stood_still = now - std::exchange(looked_, now) > most_between_looks;
  for (auto& [number, run] : runs_) {
    if (stood_still) run.heard = now;
    if (now - run.heard < map_.call.options.lease) continue;
    map_.reporter.say(fmt::format("the run on {} that has joined is frozen", run.who.host));
    map_.gate->close(number);
    run.heard = now;
  }
}

void JoinedRuns::answer() {
  if (!map_.arguments.all_made() || map_.time.stopped() || scheduler_.finished()) return;
  for (const auto& [number, join] : std::exchange(waiting_, {})) {
    if (!makes_sense(join))
      map_.gate->close(number);
    else if (const std::string why = difference(join); !why.empty())
      map_.root.peers.send(number, talk::pack(talk::Refused{why}));
    else
      admit(number, join);
  }
}

/// Why a run can't join; empty if it can.
std::string JoinedRuns::difference(const talk::Join& join) const {
  const detail::MapCall& call = map_.call;
  if (join.argument_type != call.argument_type || join.result_type != call.result_type)
    return fmt::format("that run maps {} -> {}, this one {} -> {}", call.argument_type, call.result_type,
                       join.argument_type, join.result_type);
  if (join.digest != map_.workspace().digest()) return "version, inputs or seed are others";
  if (join.tasks != call.count)
    return fmt::format("that run has {} tasks, this one {}", call.count, join.tasks);
  if (join.arguments != map_.arguments.digest()) return "the arguments are others";
  if (join.build != base::build_id() && !call.options.join_other_builds)
    return "its program was built from other code";
  return "";
}

void JoinedRuns::admit(int number, const talk::Join& join) {
  const auto ranks_at = map_.gate->admit(number, join.ranks.empty() ? 0 : join.ranks.back() + 1);
  if (!ranks_at) return;
  const std::uint64_t done = map_.call.count - scheduler_.pending() - scheduler_.in_flight();
  map_.root.peers.send(number,
                       talk::pack(talk::Welcome{user_, map_.self.process.host, done, scheduler_.slots()}));
  stand_due_ = Clock::now();
  runs_[number] = {join, *ranks_at, false, Clock::now()};
  map_.workspace().add_run({join.run, join.job, {join.host, join.boot, join.pid, join.started}, join.ghosts});
  expected_.erase(join.run);
  talk::Start start = start_;
  start.run = join.run;
  start.job = join.job;
  start.options.slots = join.slots;
  start.options.isolation = std::max(start.options.isolation, join.isolation);
  start.time_left = join.time_left;
  for (const std::int32_t rank : join.ranks) {
    start.rank = rank;
    workers_[*ranks_at + rank] = number;
    scheduler_.set_time(*ranks_at + rank, frame_of(join, join.time_left));
    master_.begin(*ranks_at + rank, start, join.resumes);
  }
  map_.reporter.say(
      fmt::format("a run on {} joins, with {}", join.host,
                  count_text(join.ranks.size() * std::max(execute::slots_of(start.options), 1U), "worker")));
}

void JoinedRuns::note_closed() {
  for (const auto& [number, run] : runs_) {
    const bool closed = std::ranges::none_of(
        run.who.ranks, [&](std::int32_t rank) { return master_.is_open(run.ranks_at + rank); });
    if (closed) map_.workspace().remove_run(run.who.run);
  }
}

void JoinedRuns::tell(talk::Stand stand) {
  stand_due_ = Clock::now() + between_stands;
  for (const auto& [number, run] : runs_)
    stand.addresses.insert(stand.addresses.end(), run.who.addresses.begin(), run.who.addresses.end());
  for (const auto& [number, run] : runs_) {
    stand.is_idle = is_idle(run);
    map_.root.peers.send(number, talk::pack(stand));
  }
}

/// Whether none of its ranks has anything in hand.
bool JoinedRuns::is_idle(const Run& run) const {
  return std::ranges::all_of(run.who.ranks, [&](std::int32_t rank) {
    const int peer = run.ranks_at + rank;
    return !master_.is_open(peer) || (master_.workers().contains(peer) && scheduler_.is_empty_handed(peer));
  });
}

std::size_t JoinedRuns::hosts() const {
  std::set<std::string> hosts;
  for (const auto& [number, run] : runs_) hosts.insert(run.who.host);
  hosts.erase(map_.self.process.host);
  return hosts.size();
}

/// From now on runs of other hosts may join.
void JoinedRuns::invite(int number) {
  talk::Invited answer;
  try {
    answer.addresses =
        map_.workspace().listen([&](const store::Fence& fence) { return listen_to_hosts(map_, fence); });
  } catch (const Error& error) {
    answer.why = error.what();
  }
  map_.root.peers.send(number, talk::pack(answer));
}

void JoinedRuns::tell(const talk::End& end) {
  for (const auto& [number, run] : runs_) map_.root.peers.send(number, talk::pack(end));
  if (map_.gate) map_.gate->flush(Clock::now() + time_to_send);
}

}  // namespace tasker::runtime
