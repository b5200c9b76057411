#include "runtime/master.hpp"

#include "base/process.hpp"
#include "execute/work.hpp"
#include "runtime/gather.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tasker::runtime {

namespace {

/// The most bytes of arguments in one message, unless a single argument is larger. For longer messages malloc
/// would take memory from the kernel, and give it back, each time: the page faults cost more than the
/// hand-outs.
constexpr std::size_t arguments_limit = std::size_t{1} << 17;

/// Ranks that die for the same reason, as when their host ends or all are killed, do so within this time. A
/// task that may have killed a rank waits for so long: else it would be handed to a rank that is dying for
/// that reason, too, and be blamed again.
constexpr std::chrono::seconds together{1};

}  // namespace

Master::Master(talk::Peers& peers, const Options& options, const Arguments& arguments,
               schedule::Scheduler& scheduler, talk::Tally& tally, MasterStore& store)
    : peers_(peers),
      options_(options),
      arguments_(arguments),
      scheduler_(scheduler),
      store_(store),
      tally_(tally) {}

void Master::begin(int rank, const talk::Start& start, bool resumes) {
  open_.insert(rank);
  if (resumes) resuming_.insert(rank);
  store_.begin(rank, start);
  scheduler_.expect(rank);
  peers_.send(rank, talk::pack(start));
}

void Master::tell_own(const talk::TimeLeft& time) {
  for (const int rank : open_)
    if (rank < talk::Gate::first) peers_.send(rank, talk::pack(time));
}

void Master::handle(const talk::Envelope& envelope) {
  const int rank = envelope.source;
  if (envelope.lost) {
    lose(rank, envelope.silent);
    return;
  }
  const auto kind = talk::kind_of(envelope.bytes);
  if (!kind) throw DamagedError("rank " + std::to_string(rank) + " sent nonsense");
  require_going_on(envelope);
  if (resuming_.contains(rank) && *kind != talk::kind<talk::Ready>) return;  // it was for an earlier leader
  try {
    switch (*kind) {
      case talk::kind<talk::Ready>: join(rank, talk::unpack<talk::Ready>(envelope.bytes)); return;
      case talk::kind<talk::Done>:
        count_done(rank, talk::unpack<talk::Done>(envelope.bytes));
        let_go_if_empty_handed(rank);
        return;
      case talk::kind<talk::Kept>: {
        const auto kept = talk::unpack<talk::Kept>(envelope.bytes);
        scheduler_.returned(rank, kept.chunk, kept.kept);
        let_go_if_empty_handed(rank);
        return;
      }
      case talk::kind<talk::Records>: {
        std::string_view frame = envelope.bytes;
        const bool again = talk::unpack_front<talk::Records>(frame).again;
        store_.write(rank, workers_.at(rank), frame);
        if (again) count_recorded(store_.recorded(rank, scheduler_.pending_tasks()));
        peers_.send(rank, talk::pack(talk::Recorded{envelope.bytes.size()}));
        return;
      }
      case talk::kind<talk::Closed>:
        talk::unpack<talk::Closed>(envelope.bytes);
        count_closed(rank);
        return;
      default: throw DamagedError("rank " + std::to_string(rank) + " sent a message that only rank 0 sends");
    }
  } catch (const std::logic_error& error) {
    // A statement about a chunk that can't be true, or a rank that never said that it is ready.
    throw DamagedError("rank " + std::to_string(rank) + " said what can't be true: " + error.what());
  }
}

void Master::join(int rank, const talk::Ready& who) {
  if (who.slots > execute::most_slots) throw std::invalid_argument("it has too many slots");
  if (!open_.contains(rank)) throw std::invalid_argument("no map has begun for it");
  if (!store_.know(rank, who)) return;  // it answers an earlier leader
  scheduler_.join(rank, who.slots, who.host);
  workers_[rank] = who;
  if (resuming_.erase(rank) > 0) take_over(rank, who);
  if (retired_.contains(rank)) scheduler_.retire(rank);
}

/// Nothing is handed out that the worker has recorded since the directory was read, or is at.
void Master::take_over(int rank, const talk::Ready& who) {
  count_recorded(store_.recorded(rank, scheduler_.pending_tasks()));
  for (const talk::InHand& chunk : who.in_hand) scheduler_.adopt(rank, chunk.chunk, chunk.tasks);
}

/// Pending tasks turned out to be recorded.
void Master::count_recorded(const base::IntervalSet& tasks) {
  scheduler_.found(tasks.ranges());
  tally_.tasks += tasks.size();
}

void Master::count_done(int rank, const talk::Done& done) {
  if (!workers_.at(rank).sees_directory) store_.sync(rank);
  const std::uint64_t before = scheduler_.done_count();
  const bool is_adopted = scheduler_.is_adopted(done.chunk);
  const base::IntervalSet pending = scheduler_.done(rank, done.chunk, done.tally.busy,
                                                    {done.left.tasks, done.left.failed, done.tally.failed});
  const std::uint64_t tasks = scheduler_.done_count() - before;
  if (done.tally.tasks < tasks || (done.tally.tasks > tasks && !is_adopted) ||
      done.tally.failed > done.tally.tasks || done.tally.failures.size() > done.tally.failed)
    throw std::invalid_argument("its report does not fit its chunk");
  talk::Leftover left = done.left;
  if (is_adopted) {  // what is not pending is another worker's by now
    left.suspects = pending.among(left.suspects).ranges();
    left.failed = pending.among(left.failed).ranges();
  }
  take_leftover(pending, left);
  talk::Tally tally = done.tally;
  tally.tasks = tasks;  // others of an adopted chunk are counted already
  tally_.add(tally);
}

void Master::take_leftover(const base::IntervalSet& pending, const talk::Leftover& left) {
  for (const base::Range& range : left.suspects)
    for (std::uint64_t index = range.first; index < range.last; ++index)
      if (!pending.contains(index))
        throw std::invalid_argument("it suspects a task that it had not left over");
  for (const base::Range& range : left.failed)
    for (std::uint64_t index = range.first; index < range.last; ++index)
      if (scheduler_.failures(index) > options_.retries)
        throw std::invalid_argument("it has tried a task too often");
  scheduler_.suspect(left.suspects);
}

void Master::count_closed(int rank) {
  if (!workers_.contains(rank) || !(scheduler_.finished() || retired_.contains(rank)) ||
      !scheduler_.is_empty_handed(rank) || open_.erase(rank) == 0)
    throw std::invalid_argument("it closes a journal that is not open, or needed still");
  if (retired_.erase(rank) > 0) scheduler_.leave(rank);
}

void Master::retire(int peer) {
  if (!open_.contains(peer) || !retired_.insert(peer).second) return;
  scheduler_.retire(peer);
  let_go_if_empty_handed(peer);
}

void Master::retire_own() {
  for (const int rank : std::set(open_))
    if (rank < talk::Gate::first) retire(rank);
}

void Master::let_go_if_empty_handed(int peer) {
  if (retired_.contains(peer) && scheduler_.is_empty_handed(peer))
    peers_.send(peer, talk::pack(talk::Finish{}));
}

std::vector<Unfinished> Master::abandon(int rank, bool is_gone, Time now) {
  const std::vector<schedule::LeftBehind> chunks = scheduler_.leave(rank);
  const auto known = workers_.find(rank);
  if (known == workers_.end()) return {};
  base::IntervalSet left;
  for (const schedule::LeftBehind& chunk : chunks)
    if (is_gone || base::count(chunk.tasks) > 1) left.insert(chunk.tasks);
  const base::IntervalSet found = store_.recorded(rank, left);
  count_recorded(found);
  std::vector<Unfinished> unfinished;
  for (const schedule::LeftBehind& chunk : chunks) {
    base::IntervalSet unrecorded;
    unrecorded.insert(chunk.tasks);
    for (const base::Range& range : found.ranges()) unrecorded.erase(range);
    // The worker may have ended a chunk without the time to report it. The slot has then begun the next one.
    if (unrecorded.empty() || unfinished.size() >= known->second.slots) continue;
    const bool is_known = chunk.begun && base::count(chunk.tasks) == 1;
    unfinished.push_back({unrecorded.ranges(), is_known ? now - *chunk.begun : Clock::duration(0)});
  }
  return unfinished;
}

void Master::lose(int rank, bool silent) {
  if (open_.erase(rank) > 0) any_lost_ = true;
  retired_.erase(rank);
  resuming_.erase(rank);
  const Time now = Clock::now();
  Death death{now, workers_.contains(rank) ? workers_.at(rank).host : ""};
  for (const Unfinished& chunk : abandon(rank, true, now)) {
    const std::uint64_t index = chunk.tasks.front().first;
    ++deaths_[index];
    if (silent) continue;
    scheduler_.suspect(chunk.tasks);
    if (options_.max_lost == 0) continue;
    death.tasks.push_back(index);
    scheduler_.hold(index, together);
  }
  undecided_.push_back(std::move(death));
}

/// Whether no rank of a host is left. Rank 0's host lives.
bool Master::has_died(const std::string& host) const {
  return host != base::this_process().host && std::ranges::none_of(open_, [&](int rank) {
           const auto known = workers_.find(rank);
           return known != workers_.end() && known->second.host == host;
         });
}

/// A moment after a death the others that belong to it are known. If it was the end of a host with several
/// ranks, no task is to blame.
void Master::judge(Time now) {
  while (!undecided_.empty() && undecided_.front().heard + together <= now) {
    const Death death = std::move(undecided_.front());
    undecided_.pop_front();
    const auto is_of_host = [&](const Death& other) { return other.host == death.host; };
    if (has_died(death.host) && std::erase_if(undecided_, is_of_host) > 0) continue;
    for (const std::uint64_t index : death.tasks) blame(index);
  }
}

/// A task that kills one rank after the other is given up, before no rank is left.
void Master::blame(std::uint64_t index) {
  const std::uint32_t deaths = ++blamed_[index];
  if (deaths < options_.max_lost) return;
  const std::string why =
      "lost: " + count_text(deaths, "rank") + " died while computing it" +
      (execute::slots_of(options_) > 0 ? ""
                                       : "; with Options::isolation it would cost itself only, and show how");
  store_.record(
      {.index = index, .outcome = store::Outcome::lost, .attempt = tried(index).attempt - 1, .payload = why},
      Clock::duration(0));
  scheduler_.found({{index, index + 1}});
  tally_.add_failure({index, why});
}

void Master::give_up(Time now) {
  for (const auto& [rank, who] : workers_) {
    if (rank >= talk::Gate::first) continue;
    for (const Unfinished& chunk : abandon(rank, false, now)) {
      const std::uint64_t index = chunk.tasks.front().first;
      store_.record({.index = index,
                     .outcome = store::Outcome::interrupted,
                     .attempt = tried(index).attempt,
                     .payload = "interrupted: the time was up"},
                    chunk.lasted);
    }
  }
}

talk::Tried Master::tried(std::uint64_t index) const {
  const auto deaths = deaths_.find(index);
  talk::Tried tried{index, store_.attempt_of(index), scheduler_.failures(index)};
  tried.attempt += tried.failed;
  if (deaths != deaths_.end()) tried.attempt += deaths->second;
  return tried;
}

/// Those of the tasks that were tried before, in ascending order.
std::vector<talk::Tried> Master::tried(const base::Ranges& tasks) const {
  std::vector<talk::Tried> all;
  if (deaths_.empty() && !scheduler_.any_failures() && !store_.any_attempts()) return all;
  for (const base::Range& range : tasks)
    for (std::uint64_t index = range.first; index < range.last; ++index)
      if (const talk::Tried known = tried(index); known.attempt > 1) all.push_back(known);
  std::ranges::sort(all, {}, &talk::Tried::index);
  return all;
}

std::string Master::suspicion() const {
  const auto worst = std::ranges::max_element(deaths_, {}, [](const auto& task) { return task.second; });
  if (worst == deaths_.end()) return "";
  return fmt::format("; task {} was under way when {} of them died{}", worst->first, worst->second,
                     execute::slots_of(options_) > 0 ? "" : ": set Options::isolation if it is the cause");
}

void Master::dispatch(Time now) {
  judge(now);
  while (const auto action = scheduler_.next(now)) {
    if (const auto* assign = std::get_if<schedule::Assign>(&*action))
      send_work(*assign);
    else if (const auto* back = std::get_if<schedule::TakeBack>(&*action))
      peers_.send(back->worker, talk::pack(talk::TakeBackRequest{back->chunk}));
  }
}

void Master::send_work(const schedule::Assign& assign) {
  talk::Assignment assignment{assign.chunk, assign.tasks, {}, assign.suspect};
  std::string message = talk::pack(assignment);
  const std::size_t head = message.size();
  const std::size_t most = head + arguments_limit;
  std::uint64_t fitting = 0;
  for (const base::Range& range : assign.tasks) {
    const std::uint64_t appended = arguments_.append(range.first, range.last, most, message);
    fitting += appended;
    if (appended < range.size() || message.size() >= most) break;
  }
  if (fitting < base::count(assignment.tasks)) {
    base::split_after(assignment.tasks, fitting);
    scheduler_.returned(assign.worker, assign.chunk, fitting);
  }
  assignment.tried = tried(assignment.tasks);
  message.replace(0, head, talk::pack(assignment));
  peers_.send(assign.worker, std::move(message));
}

void Master::finish() {
  for (const int rank : open_)
    if (!retired_.contains(rank)) peers_.send(rank, talk::pack(talk::Finish{}));
  if (!open_.contains(talk::Peers::self)) peers_.send(talk::Peers::self, talk::pack(talk::Finish{}));
}

}  // namespace tasker::runtime
