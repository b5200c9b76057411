#include "runtime/master.hpp"

#include "execute/work.hpp"
#include "runtime/map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tasker::runtime {

namespace {

/// Bytes of arguments in one message, unless a single one is larger.
constexpr std::size_t arguments_limit = std::size_t{1} << 20;

}  // namespace

std::string rank_prefix(int rank) {
  return rank == talk::Peers::self ? "" : "rank " + std::to_string(rank) + ": ";
}

Master::Master(talk::Peers& peers, const Options& options, const Arguments& arguments,
               schedule::Scheduler& scheduler, talk::Tally& tally, MasterStore& store)
    : peers_(peers),
      options_(options),
      arguments_(arguments),
      scheduler_(scheduler),
      store_(store),
      tally_(tally) {}

void Master::begin(int rank, const talk::Start& start) {
  open_.insert(rank);
  peers_.send(rank, talk::pack(start));
}

void Master::tell(const talk::TimeLeft& time) {
  for (const int rank : open_) peers_.send(rank, talk::pack(time));
}

void Master::handle(const talk::Envelope& envelope) {
  const int rank = envelope.source;
  if (envelope.lost) {
    lose(rank);
    return;
  }
  const auto kind = talk::kind_of(envelope.bytes);
  if (!kind) throw DamagedError("rank " + std::to_string(rank) + " sent nonsense");
  try {
    switch (*kind) {
      case talk::Kind::ready: join(rank, talk::unpack<talk::Ready>(envelope.bytes)); return;
      case talk::Kind::done: count_done(rank, talk::unpack<talk::Done>(envelope.bytes)); return;
      case talk::Kind::kept: {
        const auto kept = talk::unpack<talk::Kept>(envelope.bytes);
        scheduler_.returned(rank, kept.chunk, kept.kept);
        return;
      }
      case talk::Kind::records: {
        std::string_view frame = envelope.bytes;
        talk::unpack_front<talk::Records>(frame);
        store_.write(rank, workers_.at(rank), frame);
        peers_.send(rank, talk::pack(talk::Recorded{envelope.bytes.size()}));
        return;
      }
      case talk::Kind::closed:
        talk::unpack<talk::Closed>(envelope.bytes);
        count_closed(rank);
        return;
      case talk::Kind::trouble: {
        auto thrown = talk::unpack<talk::Trouble>(envelope.bytes).thrown;
        thrown.message = rank_prefix(rank) + thrown.message;
        std::rethrow_exception(talk::to_exception(thrown));
      }
      case talk::Kind::leave: {
        const auto leave = talk::unpack<talk::Leave>(envelope.bytes);
        throw RankLeft(rank,
                       "rank " + std::to_string(rank) + " left during a map" +
                           (leave.message.empty() ? "" : ": " + leave.message),
                       talk::failure_code(leave.exit_code, exit_usage));
      }
      default: throw DamagedError("rank " + std::to_string(rank) + " sent a message that only rank 0 sends");
    }
  } catch (const std::logic_error& error) {
    // What can't be true of a chunk (invalid_argument), or comes from a rank that never said it is ready.
    throw DamagedError("rank " + std::to_string(rank) + " said what can't be true: " + error.what());
  }
}

void Master::join(int rank, const talk::Ready& who) {
  if (who.slots > execute::most_slots) throw std::invalid_argument("it has too many slots");
  if (!open_.contains(rank)) throw std::invalid_argument("no map has begun for it");
  scheduler_.join(rank, who.slots);
  workers_[rank] = who;
}

void Master::count_done(int rank, const talk::Done& done) {
  if (!workers_.at(rank).sees_directory) store_.sync(rank);
  const std::uint64_t before = scheduler_.done_count();
  scheduler_.done(rank, done.chunk, done.tally.busy);
  if (done.tally.tasks != scheduler_.done_count() - before || done.tally.failed > done.tally.tasks ||
      done.tally.failures.size() > done.tally.failed)
    throw std::invalid_argument("its report does not fit its chunk");
  tally_.add(done.tally);
}

void Master::count_closed(int rank) {
  if (!workers_.contains(rank) || !scheduler_.finished() || open_.erase(rank) == 0)
    throw std::invalid_argument("it closes a journal that is not open, or needed still");
}

std::vector<Unfinished> Master::abandon(int rank, bool is_gone, Time now) {
  const auto known = workers_.find(rank);
  if (known == workers_.end()) return {};
  const std::vector<schedule::LeftBehind> chunks = scheduler_.leave(rank);
  base::IntervalSet left;
  for (const schedule::LeftBehind& chunk : chunks)
    if (is_gone || base::count(chunk.tasks) > 1) left.insert(chunk.tasks);
  const base::IntervalSet found = store_.recorded(rank, left);
  scheduler_.found(found.ranges());
  tally_.tasks += found.size();
  std::vector<Unfinished> unfinished;
  for (const schedule::LeftBehind& chunk : chunks) {
    base::IntervalSet unrecorded;
    unrecorded.insert(chunk.tasks);
    for (const base::Range& range : found.ranges()) unrecorded.erase(range);
    // It may have come further than it had time to tell: a chunk that has ended has freed its slot.
    if (unrecorded.empty() || unfinished.size() >= known->second.slots) continue;
    const bool is_known = chunk.begun && base::count(chunk.tasks) == 1;
    unfinished.push_back({unrecorded.ranges(), is_known ? now - *chunk.begun : Clock::duration(0)});
  }
  return unfinished;
}

/// Its finished tasks are not computed again, even if it had no time to report them.
void Master::lose(int rank) {
  if (open_.erase(rank) > 0) any_lost_ = true;
  for (const Unfinished& chunk : abandon(rank, true, Clock::now())) {
    scheduler_.suspect(chunk.tasks);
    blame(chunk.tasks.front().first);
  }
}

/// A task that has been the end of so many ranks shall not be the end of all.
void Master::blame(std::uint64_t index) {
  const std::uint32_t deaths = ++deaths_[index];
  if (options_.max_lost == 0 || deaths < options_.max_lost) return;
  const std::string why =
      "lost: " + count_text(deaths, "rank") + " died while computing it" +
      (execute::slots_of(options_) > 0 ? ""
                                       : "; with Options::isolation it would cost itself only, and show how");
  store_.record({index, attempt_of(index) - 1, store::Outcome::lost, why});
  scheduler_.found({{index, index + 1}});
  tally_.add_failure({index, why});
}

void Master::give_up(Time now) {
  for (const auto& [rank, who] : workers_)
    for (const Unfinished& chunk : abandon(rank, false, now)) {
      const std::uint64_t index = chunk.tasks.front().first;
      store_.record({index, attempt_of(index), store::Outcome::interrupted, "interrupted: the time was up",
                     chunk.lasted});
    }
}

std::uint32_t Master::attempt_of(std::uint64_t index) const {
  const auto deaths = deaths_.find(index);
  return store_.attempt_of(index) + (deaths == deaths_.end() ? 0 : deaths->second);
}

std::string Master::suspicion() const {
  const auto worst = std::ranges::max_element(deaths_, {}, [](const auto& task) { return task.second; });
  if (worst == deaths_.end()) return "";
  return fmt::format("; task {} was under way when {} of them died{}", worst->first, worst->second,
                     execute::slots_of(options_) > 0 ? "" : ": set Options::isolation if it is the cause");
}

void Master::dispatch(Time now) {
  while (const auto action = scheduler_.next(now)) {
    if (const auto* assign = std::get_if<schedule::Assign>(&*action))
      send_work(*assign);
    else if (const auto* back = std::get_if<schedule::TakeBack>(&*action))
      peers_.send(back->worker, talk::pack(talk::TakeBackRequest{back->chunk}));
  }
}

void Master::send_work(const schedule::Assign& assign) {
  talk::Assignment assignment{assign.chunk, assign.tasks, {}};
  std::string arguments;
  std::uint64_t fitting = 0;
  for (const base::Range& range : assign.tasks) {
    const std::uint64_t appended = arguments_.append(range.first, range.last, arguments_limit, arguments);
    fitting += appended;
    if (appended < range.size() || arguments.size() >= arguments_limit) break;
  }
  if (fitting < base::count(assignment.tasks)) {
    base::split_after(assignment.tasks, fitting);
    scheduler_.returned(assign.worker, assign.chunk, fitting);
  }
  for (const base::Range& range : assignment.tasks)
    for (std::uint64_t index = range.first; index < range.last; ++index)
      if (const std::uint32_t attempt = attempt_of(index); attempt > 1)
        assignment.attempts.emplace_back(index, attempt);
  peers_.send(assign.worker, arguments.insert(0, talk::pack(std::move(assignment))));
}

void Master::finish() {
  for (const int rank : open_) peers_.send(rank, talk::pack(talk::Finish{}));
  if (!open_.contains(talk::Peers::self)) peers_.send(talk::Peers::self, talk::pack(talk::Finish{}));
}

}  // namespace tasker::runtime
