#include "runtime/computation.hpp"

#include "base/hash.hpp"
#include "base/sleep.hpp"
#include "cluster/cpus.hpp"
#include "cluster/report.hpp"
#include "execute/worker.hpp"
#include "runtime/gather.hpp"
#include "runtime/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <set>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// How long the main thread gets to come out of `fn` after the map has ended.
constexpr auto time_to_leave = 200ms;

/// How long nothing is handed out while others may have it in hand.
constexpr auto patience_with_others = 5s;

std::string text_of(const schedule::Verdict& verdict) {
  const std::string place =
      verdict.worker ? fmt::format("rank {} on {}", *verdict.worker, verdict.host) : verdict.host;
  if (!verdict.aside) return place + " gets tasks again";
  return fmt::format(
      "{} gets no more tasks: {} that failed there have succeeded elsewhere, and none has succeeded there",
      place, schedule::enough_proof);
}

/// If records may be reused, all arguments are made by now. Otherwise every task is missing, and tasks whose
/// arguments are not made yet are added later.
schedule::Scheduler make_scheduler(const RootMap& map, schedule::Plan plan) {
  const schedule::Pace pace = past_pace(map.workspace().catalog(), plan.expected);
  base::IntervalSet pending = map.workspace().missing();
  pending.erase({map.arguments.made(), map.call.count});
  // No other leader's chunk has the same number: workers may have some in hand.
  const schedule::ChunkId first_chunk = base::random_id() / 2;
  schedule::Scheduler scheduler(pending, std::move(plan), pace, !map.arguments.all_made(), first_chunk);
  scheduler.set_time(map.time.frame());
  scheduler.set_retry_after(map.call.options.retry_after);
  if (map.time.stopped()) scheduler.drain();
  return scheduler;
}

}  // namespace

Computation::Computation(RootMap& map, schedule::Plan plan, AtWork at_work)
    : map_(map),
      workspace_(map.workspace()),
      peers_(map.root.peers),
      desk_(*map.root.desk),
      at_work_(std::move(at_work)),
      total_(workspace_.missing().size()),
      scheduler_(make_scheduler(map, std::move(plan))),
      start_{workspace_.directory().string(),
             map.self.run,
             map.self.run,
             talk::Peers::self,
             workspace_.sequence(),
             workspace_.job(),
             map.call.count,
             map.call.options,
             {}},
      journals_(start_, map.call, map.arguments, workspace_),
      master_(peers_, map.call.options, map.arguments, scheduler_, tally_, journals_),
      joined_(map, master_, scheduler_, start_),
      held_back_until_(Clock::now() + patience_with_others),
      present_(map.workers()) {}

std::shared_ptr<const store::Archive> Computation::run() {
  if (total_ > 0) use_both_threads();
  return conclude();
}

std::shared_ptr<const store::Archive> Computation::conclude() {
  const OnFailure on_failure = map_.call.options.on_failure;
  map_.root.leads = true;
  map_.reporter.end();
  count_offer();
  const bool was_stopped_by_failure = is_stopped_by_failure();
  tally_.add(workspace_.settled());
  if (left() > 0 && !was_stopped_by_failure) {
    say_end();
    throw interrupted();
  }
  if (tally_.failed > 0 && (on_failure != OnFailure::keep || was_stopped_by_failure)) {
    say_end();
    const auto failed = tasks_failed(tally_, map_.name, map_.call.count, workspace_.match().reused,
                                     was_stopped_by_failure ? stop_text() : "");
    joined_.tell(talk::End{talk::describe(std::make_exception_ptr(failed))});
    throw failed;
  }
  talk::Stand last = stand();
  last.is_ending = true;
  joined_.tell(last);
  wait_for_ghosts();
  auto archive = workspace_.finish(on_failure == OnFailure::keep);
  joined_.tell(end_of(*archive));
  say_end();
  return archive;
}

void Computation::use_both_threads() {
  const base::WorkingDirectory restored;  // `fn` may change it, as on other ranks
  map_.set_lost_after();
  peers_.take(desk_);
  map_.root.thread.begin([this] { second_thread(); });
  execute::take_part(desk_, map_.call, [this] { return make_more(); });
  const struct Served {
    talk::Peers& peers;
    ~Served() { peers.let_go(); }
  } served{peers_};
  map_.root.thread.wait();
}

bool Computation::make_more() {
  const std::uint64_t before = map_.arguments.made();
  const bool more = map_.arguments.make_more();
  const std::uint64_t made = map_.arguments.made();
  if (before < made) desk_.post(talk::pack(talk::Made{{{before, made}}, more}));
  return more;
}

/// If the main thread stays in `fn`, this thread tells the others how the map ends.
void Computation::second_thread() {
  try {
    serve();
  } catch (...) {
    desk_.close();
    if (!main_thread_leaves()) tell_failure(std::current_exception());
    throw;
  }
  desk_.close();
  if (!map_.time.is_over() || main_thread_leaves()) return;
  if (left() == 0) return;  // so the main thread is in no task
  map_.reporter.end();
  const talk::Thrown end = talk::describe(std::make_exception_ptr(interrupted()));
  tell({end});
  map_.root.end_process(end);
}

bool Computation::main_thread_leaves() { return desk_.wait_until_left(Clock::now() + time_to_leave); }

void Computation::tell(const talk::End& end) {
  map_.root.is_told = true;
  peers_.send_to_others(talk::pack(end));
}

void Computation::tell_failure(const std::exception_ptr& failure) {
  try {
    workspace_.require_hold();
    tell({talk::describe(failure)});
  } catch (...) {
    tell({talk::describe(std::current_exception())});
  }
}

void Computation::serve() {
  workspace_.set_ranks_write(!map_.is_alone());
  for (const int rank : peers_.others()) begin(rank);
  for (;;) {
    begin_here();
    if (scheduler_.finished()) break;
    if (map_.time.is_over() || hands_over()) {
      master_.give_up(Clock::now());
      journals_.close();
      return;
    }
    if (is_deserted()) throw_deserted();
    wait();
    dispatch();
    for (const schedule::Verdict& verdict : scheduler_.take_verdicts()) map_.reporter.say(text_of(verdict));
  }
  master_.finish();
  // All that counts is recorded by now.
  while (!master_.closed() && !map_.time.is_over()) wait();
  workspace_.set_ranks_write(!map_.is_alone() && !master_.all_closed());
  joined_.note_closed();
  journals_.close();
}

void Computation::dispatch() {
  const Time now = Clock::now();
  if (holds_back(now)) return;
  master_.dispatch(now);
  if (joined_.any() && now >= joined_.stand_due()) joined_.tell(stand());
}

/// How far the map is, for users of all runs.
talk::Stand Computation::stand() const {
  return {total_,
          tally_.tasks,
          tally_.failed,
          scheduler_.resting_slots(),
          scheduler_.slots(),
          scheduler_.workers(),
          1 + joined_.count(),
          map_.hosts() + joined_.hosts(),
          Clock::now() - map_.begin};
}

/// Whether others may have tasks in hand that are pending here: they have not said it yet.
bool Computation::holds_back(Time now) const {
  return now < held_back_until_ && (master_.awaits() || joined_.awaits());
}

/// Whether this run has stopped, and one that has joined it is to take the lead.
bool Computation::hands_over() const { return map_.time.stopped() && joined_.any() && master_.closed_own(); }

/// A rank of this run may compute from now on.
void Computation::begin(int rank) {
  if (at_work_.closed.contains(rank)) return;
  talk::Start start = start_;
  start.rank = rank;
  start.time_left = map_.time.left(Clock::now());
  master_.begin(rank, start, at_work_.begun.contains(rank));
}

bool Computation::is_deserted() const { return master_.closed() && !map_.root_computes(); }

/// Alone, this process executes tasks and makes arguments by turns. With other ranks it begins to execute
/// once all arguments are made, since those ranks wait for them.
void Computation::begin_here() {
  if (has_begun_here_ || !map_.root_computes() || !(map_.is_alone() || map_.arguments.all_made())) return;
  has_begun_here_ = true;
  begin(talk::Peers::self);
  dispatch();
}

/// Waits for one event, and at most for two seconds.
void Computation::wait() {
  auto watched = map_.time.watched();
  const Time now = Clock::now();
  const Time hands_out = holds_back(now) ? held_back_until_ : scheduler_.wake();
  const Time until = std::min({map_.reporter.due(), map_.time.wake(now), hands_out});
  const auto envelope = peers_.wait(until, watched);
  if (envelope) hear(*envelope);
  if (map_.time.look(Clock::now())) look_at_time();
  if (map_.time.stopped()) hand_out_no_more();
  joined_.look(Clock::now());
  workspace_.check_hold();
  if (is_stopped_by_failure()) scheduler_.drain();
  if (scheduler_.slots() != present_) count_offer();
  map_.root.workers = static_cast<int>(scheduler_.workers());
  if (Clock::now() >= map_.reporter.due()) map_.reporter.update(stand());
}

void Computation::look_at_time() {
  const Time now = Clock::now();
  scheduler_.set_time(map_.time.frame());
  master_.tell_own({map_.time.left(now), map_.time.stopped()});
}

/// When this run must stop, those that have joined it go on with what it gives back.
void Computation::hand_out_no_more() {
  if (joined_.any())
    master_.retire_own();
  else
    scheduler_.drain();
}

void Computation::hear(const talk::Envelope& envelope) {
  const auto kind = talk::kind_of(envelope.bytes);
  if (envelope.source == talk::Peers::self && kind == talk::kind<talk::Made>) {
    const auto made = talk::unpack<talk::Made>(envelope.bytes);
    scheduler_.add(made.tasks, made.more);
    joined_.answer();
    return;
  }
  if (envelope.source >= talk::Gate::first) {
    joined_.handle(envelope);
    return;
  }
  master_.handle(envelope);
  if (kind == talk::kind<talk::Ready>) note(envelope.source);
  if (envelope.lost) say_lost(envelope.source);
}

void Computation::note(int rank) {
  const auto known = master_.workers().find(rank);
  if (known == master_.workers().end()) return;  // it answers an earlier leader
  const talk::Ready& who = known->second;
  least_cpus_ = std::min(least_cpus_, who.cpus);
  // One rank of each host is named, since there may be hundreds.
  if (who.sees_directory || !unseeing_hosts_.insert(who.host).second) return;
  map_.reporter.say(fmt::format("rank {} on {} does not see {}: its results travel to rank 0", rank, who.host,
                                start_.directory));
}

void Computation::say_lost(int rank) {
  cluster::report_lost_rank();
  const auto known = master_.workers().find(rank);
  const bool others_go_on = map_.has_launcher && !is_deserted();
  map_.reporter.say(
      lost_text(rank, map_.has_launcher, known == master_.workers().end() ? "" : known->second.host) +
      (others_go_on ? "; others take over its unfinished tasks" : ""));
}

void Computation::throw_deserted() const {
  throw Interrupted(
      fmt::format("{}: no rank is left to compute: {} of {} tasks are missing{}; run the same "
                  "command again",
                  map_.call.path.string(), scheduler_.pending(), map_.call.count, master_.suspicion()));
}

bool Computation::is_stopped_by_failure() const {
  const Options& options = map_.call.options;
  return (options.on_failure == OnFailure::stop && tally_.failed > 0) ||
         (options.max_failed > 0 && tally_.failed >= options.max_failed);
}

/// What a failure that has stopped the map adds to the number of those that failed.
std::string Computation::stop_text() const {
  const bool at_first = map_.call.options.on_failure == OnFailure::stop;
  return fmt::format(", at which the map stops ({}); {} left", at_first ? "on_failure" : "max_failed",
                     left() == 1 ? "1 task is" : fmt::format("{} tasks are", left()));
}

/// Tasks that are not recorded.
std::uint64_t Computation::left() const { return total_ - scheduler_.done_count(); }

Interrupted Computation::interrupted() const {
  std::optional<std::chrono::duration<double>> work = scheduler_.pending_work();
  // Tasks whose arguments are not made are taken to last as long as the others.
  if (work && scheduler_.pending() > 0)
    work = *work * (static_cast<double>(left()) / static_cast<double>(scheduler_.pending()));
  return Interrupted(
      fmt::format("{} was stopped {}: {}; {}", map_.name, map_.time.reason(Clock::now()),
                  left_text(left(), map_.call.count, work, map_.workers()),
                  joined_.any() ? "the runs that have joined go on" : "run the same command again"));
}

/// The archive must hold what ranks of an earlier run still record.
void Computation::wait_for_ghosts() {
  Timekeeper& time = map_.time;
  if (const auto left = workspace_.ghosts_gone() - Clock::now(); left > 0s)
    map_.reporter.say(fmt::format("waits {} until no rank of an earlier run can record anything any more",
                                  duration_text(left)));
  for (auto now = Clock::now(); now < workspace_.ghosts_gone(); now = Clock::now()) {
    workspace_.check_hold();
    time.look(now);
    if (time.stopped())
      throw Interrupted(
          fmt::format("{} was stopped {}: all results are there, but not its archive; run the same "
                      "command again",
                      map_.name, time.reason(now)));
    auto signal = time.watched();
    base::sleep_until(std::min(workspace_.ghosts_gone(), time.wake(now)), signal);
  }
}

/// Adds the time that the workers had since the last call, before their number changes.
void Computation::count_offer() {
  const Time now = Clock::now();
  offered_ += static_cast<double>(present_) * (now - counted_);
  counted_ = now;
  present_ = scheduler_.slots();
  most_ = std::max(most_, present_);
}

void Computation::say_end() {
  const double share = tally_.busy / offered_;
  const std::uint32_t cpus = std::min(least_cpus_, cluster::available_cpus());
  map_.reporter.say(
      fmt::format("computed {}, reused {}, failed {} in {}; {}, utilisation {:.0f} %, {} per rank",
                  tally_.tasks - tally_.failed, workspace_.match().reused, tally_.failed,
                  duration_text(Clock::now() - map_.begin), count_text(most_, "worker"),
                  100 * std::min(share, 1.0), count_text(cpus, "CPU")));
  const char* const threads = std::getenv("OMP_NUM_THREADS");
  if (threads && std::atol(threads) > static_cast<long>(cpus))
    map_.reporter.say(
        fmt::format("warning: OMP_NUM_THREADS={}, but a rank is bound to {} CPU(s); try mpirun --bind-to "
                    "none or --map-by slot:PE={}",
                    threads, cpus, threads));
}

}  // namespace tasker::runtime
