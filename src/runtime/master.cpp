#include "runtime/master.hpp"

#include "runtime/map.hpp"
#include "runtime/settings.hpp"
#include "talk/map_end.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tasker::runtime {

namespace {

/// Bytes of arguments in one message, unless a single one is larger.
constexpr std::size_t arguments_limit = std::size_t{1} << 20;

}  // namespace

std::uint64_t encode_tasks(const detail::MapCall& call, const base::Ranges& tasks, std::string& out) {
  std::uint64_t encoded = 0;
  for (const base::Range& range : tasks) {
    const std::uint64_t n = call.encode_arguments(range.first, range.last, arguments_limit, out);
    encoded += n;
    if (n < range.size() || out.size() >= arguments_limit) break;
  }
  return encoded;
}

std::vector<std::pair<std::uint64_t, std::uint32_t>> later_attempts(
    const base::Ranges& tasks, const std::function<std::uint32_t(std::uint64_t index)>& attempt_of) {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> attempts;
  for (const base::Range& range : tasks)
    for (std::uint64_t index = range.first; index < range.last; ++index)
      if (const std::uint32_t attempt = attempt_of(index); attempt > 1) attempts.emplace_back(index, attempt);
  return attempts;
}

Master::Master(talk::Comm& comm, const detail::MapCall& call, schedule::Scheduler& scheduler,
               Outcome& outcome, MasterStore store)
    : comm_(comm), call_(call), scheduler_(scheduler), store_(std::move(store)), outcome_(outcome) {}

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
      case talk::Kind::ready: {
        const auto ready = talk::unpack<talk::Ready>(envelope.bytes);
        if (ready.slots > most_slots) throw std::invalid_argument("it has too many slots");
        scheduler_.join(rank, ready.slots);
        workers_[rank] = ready;
        outcome_.least_cpus = std::min(outcome_.least_cpus, ready.cpus);
        return;
      }
      case talk::Kind::done: count_done(rank, talk::unpack<talk::Done>(envelope.bytes)); return;
      case talk::Kind::kept: {
        const auto kept = talk::unpack<talk::Kept>(envelope.bytes);
        if (kept.known) scheduler_.returned(rank, kept.chunk, kept.kept);
        return;
      }
      case talk::Kind::records: {
        std::string_view frame = envelope.bytes;
        talk::unpack_front<talk::Records>(frame);
        store_.write(rank, workers_.at(rank), frame);
        comm_.send(rank, talk::pack(talk::Recorded{envelope.bytes.size()}));
        return;
      }
      case talk::Kind::closed:
        talk::unpack<talk::Closed>(envelope.bytes);
        count_closed(rank);
        return;
      case talk::Kind::trouble: {
        const auto trouble = talk::unpack<talk::Trouble>(envelope.bytes);
        talk::End end;
        end.type = trouble.exit_code == exit_system ? "system" : "error";
        end.exit_code = trouble.exit_code;
        end.message = "rank " + std::to_string(rank) + ": " + trouble.message;
        std::rethrow_exception(talk::to_exception(end));
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

void Master::count_done(int rank, const talk::Done& done) {
  if (!workers_.at(rank).sees_directory) store_.sync(rank);
  const std::uint64_t before = scheduler_.done_count();
  scheduler_.done(rank, done.chunk, std::chrono::nanoseconds(done.busy));
  if (done.tasks != scheduler_.done_count() - before || done.failed > done.tasks ||
      done.failures.size() > done.failed)
    throw std::invalid_argument("its report does not fit its chunk");
  outcome_.add(done.tasks, done.failed, done.failures, std::chrono::nanoseconds(done.busy));
}

void Master::count_closed(int rank) {
  if (!workers_.contains(rank) || !scheduler_.finished() || !closed_.insert(rank).second)
    throw std::invalid_argument("it closes a journal that is not open, or needed still");
}

std::vector<Unfinished> Master::abandon(int rank, bool is_gone, Time now) {
  const auto known = workers_.find(rank);
  if (known == workers_.end()) return {};
  return runtime::abandon(scheduler_, outcome_, rank, known->second.slots, is_gone, now,
                          [&](const base::IntervalSet& tasks) { return store_.recorded(rank, tasks); });
}

/// Its finished tasks are not computed again, even if it had no time to report them.
void Master::lose(int rank) {
  for (const Unfinished& chunk : abandon(rank, true, Clock::now())) {
    scheduler_.suspect(chunk.tasks);
    blame(chunk.tasks.front().first);
  }
}

/// A task that has been the end of so many ranks shall not be the end of all.
void Master::blame(std::uint64_t index) {
  const std::uint32_t deaths = ++deaths_[index];
  if (call_.options.max_lost == 0 || deaths < call_.options.max_lost) return;
  const std::string why =
      "lost: " + count_text(deaths, "rank") + " died while computing it" +
      (slots_of(call_.options) > 0 ? ""
                                   : "; with Options::isolation it would cost itself only, and show how");
  store_.write_attempt({index, attempt_of(index) - 1, store::Outcome::lost, why});
  scheduler_.found({{index, index + 1}});
  outcome_.add(1, 1, {{index, 1, why, ""}}, std::chrono::duration<double>(0));
}

void Master::give_up(Time now) {
  for (const auto& [rank, who] : workers_)
    for (const Unfinished& chunk : abandon(rank, false, now)) {
      const std::uint64_t index = chunk.tasks.front().first;
      store_.write_attempt(interruption(index, attempt_of(index), chunk.lasted));
    }
}

std::uint32_t Master::attempt_of(std::uint64_t index) const {
  const auto deaths = deaths_.find(index);
  return store_.attempt_of(index) + (deaths == deaths_.end() ? 0 : deaths->second);
}

bool Master::closed() const {
  for (int rank = 1; rank < comm_.size(); ++rank)
    if (!closed_.contains(rank) && !comm_.is_lost(rank)) return false;
  return true;
}

bool Master::all_closed() const { return closed_.size() + 1 == static_cast<std::size_t>(comm_.size()); }

std::string Master::suspicion() const {
  const auto worst = std::ranges::max_element(deaths_, {}, [](const auto& task) { return task.second; });
  if (worst == deaths_.end()) return "";
  return fmt::format("; task {} was under way when {} of them died{}", worst->first, worst->second,
                     slots_of(call_.options) > 0 ? "" : ": set Options::isolation if it is the cause");
}

bool Master::alone() const {
  for (int rank = 1; rank < comm_.size(); ++rank)
    if (!comm_.is_lost(rank)) return false;
  return true;
}

void Master::dispatch(Time now) {
  while (const auto action = scheduler_.next(now)) {
    if (const auto* assign = std::get_if<schedule::Assign>(&*action))
      send_work(*assign);
    else if (const auto* back = std::get_if<schedule::TakeBack>(&*action))
      comm_.send(back->worker, talk::pack(talk::TakeBackRequest{back->chunk}));
  }
}

void Master::send_work(const schedule::Assign& assign) {
  talk::Assignment assignment;
  assignment.chunk = assign.chunk;
  assignment.tasks = assign.tasks;
  const std::uint64_t fitting = encode_tasks(call_, assignment.tasks, assignment.arguments);
  if (fitting < base::count(assignment.tasks)) {
    base::split_after(assignment.tasks, fitting);
    scheduler_.returned(assign.worker, assign.chunk, fitting);
  }
  assignment.attempts =
      later_attempts(assignment.tasks, [this](std::uint64_t index) { return attempt_of(index); });
  comm_.send(assign.worker, talk::pack(std::move(assignment)));
}

void Master::finish() {
  for (int rank = 1; rank < comm_.size(); ++rank) comm_.send(rank, talk::pack(talk::Finish{}));
}

}  // namespace tasker::runtime
