#include "support/conversation.hpp"

#include "support/sample_messages.hpp"

#include <tasker/detail/make_call.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

namespace tasker::test {

using namespace schedule;

namespace {

void require(bool holds, const std::string& what) {
  if (!holds) throw std::logic_error("it does not hold that " + what);
}

std::vector<std::string> make_arguments(std::uint64_t count) {
  std::vector<std::string> arguments;
  for (std::uint64_t index = 0; index < count; ++index)
    arguments.push_back("argument " + std::to_string(index * index));
  return arguments;
}

/// A map of strings; of a range of tasks, messages hold `limit` bytes of arguments if that is less than what
/// they can.
detail::MapCall make_map(const std::vector<std::string>& arguments, std::size_t limit, int& cut) {
  auto call = detail::make_call("a.dat", [](const std::string& text) { return text.size(); }, arguments, {});
  call.encode_arguments = [limit, &cut, encode = std::move(call.encode_arguments)](
                              std::uint64_t first, std::uint64_t last, std::size_t most, std::string& out) {
    const std::uint64_t encoded = encode(first, last, limit < most ? out.size() + limit : most, out);
    if (encoded < last - first) ++cut;
    return encoded;
  };
  return call;
}

}  // namespace

Conversation::Conversation(unsigned seed, Corners& corners)
    : random_(seed),
      corners_(corners),
      weights_{10 + random_() % 80, 10 + random_() % 80, 10 + random_() % 80, 10 + random_() % 80, 1},
      stop_on_failure_(random_() % 5 == 0),
      mortal_(random_() % 3 == 0),
      network_(2 + static_cast<int>(random_() % 4)),
      scheduler_(base::IntervalSet()),
      peers_(&network_.comm(0)),
      arguments_(call_),
      master_(peers_, call_.options, arguments_, scheduler_, tally_, *this) {
  const std::uint64_t tasks = 1 + random_() % 120;
  ledger_.arguments = make_arguments(tasks);
  ledger_.started.resize(tasks);
  ledger_.recorded.resize(tasks);
  const std::uint64_t failing = 1 + random_() % (2 * tasks);
  ledger_.fails = [failing](std::uint64_t index) { return index % failing == failing - 1; };
  call_ = make_map(ledger_.arguments, random_() % 3 == 0 ? 60 : std::string::npos, corners.cut);
  call_.options.max_lost = 0;
  call_.options.retries = static_cast<std::uint32_t>(random_() % 3);
  ledger_.options = call_.options;
  scheduler_ = schedule::Scheduler(base::IntervalSet({0, tasks}));
  scheduler_.set_retry_after(random_() % 2 * std::chrono::milliseconds(random_() % 20));
  for (int rank = 1; rank < network_.comm(0).size(); ++rank)
    workers_.push_back(std::make_unique<FakeWorker>(network_, rank, random_() % 4 != 0, ledger_, random_));
  for (int rank = 1; rank <= workers(); ++rank) master_.begin(rank, {});
}

void Conversation::write(int, const talk::Ready&, std::string_view frame) {
  for (detail::Reader in(frame); !in.left().empty();) ++ledger_.recorded.at(in.number<std::uint64_t>());
}

base::IntervalSet Conversation::recorded(int, const base::IntervalSet& tasks) const {
  const auto found = ledger_.recover(tasks);
  corners_.found += static_cast<int>(found.size());
  return found;
}

void Conversation::record(store::Record, runtime::Clock::duration) {
  throw std::logic_error("a task was given up");
}

void Conversation::run() {
  check();
  for (int steps = 0; step(); ++steps) {
    require(steps < 100'000, "the map ends");
    check();
  }
  check_end();
  for (const auto& worker : workers_) {
    corners_.take_backs += worker->crossed();
    corners_.crossed += worker->crossed();
    corners_.crashes += worker->crashes();
    corners_.tried_again += worker->tried_again();
  }
}

/// Lets one of all things happen that may; false if there is none.
bool Conversation::step() {
  std::vector<std::pair<Event, int>> choices;
  for (const Event event : {Event::at_rank_0, Event::at_worker, Event::says, Event::executes, Event::dies})
    for (int rank = 1; rank <= workers(); ++rank)
      if (may(event, rank))
        choices.insert(choices.end(), weights_[static_cast<std::size_t>(event)], {event, rank});
  if (choices.empty() && scheduler_.wake() != base::Time::max()) {
    now_ = scheduler_.wake();
    ++corners_.pauses;
    master_.dispatch(now_);
    return true;
  }
  if (choices.empty()) return false;
  const auto [event, rank] = choices[random_() % choices.size()];
  now_ += std::chrono::microseconds(random_() % 3000);
  happen(event, rank);
  return true;
}

int Conversation::living() const { return static_cast<int>(peers_.others().size()); }

bool Conversation::may(Event event, int rank) const {
  if (!peers_.others().contains(rank)) return false;
  switch (event) {
    case Event::at_rank_0: return !network_.under_way(rank, 0).empty();
    case Event::at_worker: return !network_.under_way(0, rank).empty();
    case Event::says: return worker(rank).may_say();
    case Event::executes: return worker(rank).may_execute();
    case Event::dies: return mortal_ && living() > 1 && !ended_;
  }
  return false;
}

void Conversation::happen(Event event, int rank) {
  switch (event) {
    case Event::at_rank_0: return at_rank_0(rank);
    case Event::at_worker: return worker(rank).receive();
    case Event::says: return worker(rank).say();
    case Event::executes: return worker(rank).execute();
    case Event::dies: return die(rank);
  }
}

void Conversation::at_rank_0(int rank) {
  const std::string bytes = network_.under_way(rank, 0).at(0);
  if (talk::kind_of(bytes) == talk::kind<talk::Kept>) {
    const auto kept = talk::unpack<talk::Kept>(bytes);
    ++corners_.take_backs;
    if (kept.kept == 0) ++corners_.given_whole;
    worker(rank).returning().pop_front();
  }
  if (talk::kind_of(bytes) == talk::kind<talk::Done>) {
    const talk::Leftover left = talk::unpack<talk::Done>(bytes).left;
    if (!left.tasks.empty() || !left.failed.empty()) worker(rank).returning().pop_front();
  }
  network_.deliver(rank, 0);
  go_on();
}

void Conversation::die(int rank) {
  ++corners_.deaths;
  network_.lose(rank);
  go_on();
}

void Conversation::go_on() {
  master_.handle(peers_.wait(base::Time::max()).value());
  if (finished_) {
    if (master_.closed()) send_end();
    return;
  }
  if (stop_on_failure_ && tally_.failed > 0) scheduler_.drain();
  master_.dispatch(now_);
  if (scheduler_.finished()) {
    finished_ = true;
    master_.finish();
  }
}

void Conversation::send_end() {
  require(!std::exchange(ended_, true), "all have closed once");
  for (int rank = 1; rank <= workers(); ++rank) network_.comm(0).send(rank, talk::pack(talk::End{}));
}

/// In how many places each task is: pending, on its way to a worker, there, started, or on its way back.
std::vector<int> Conversation::places() const {
  std::vector<int> places = ledger_.started;
  const auto count_in = [&](const base::Ranges& tasks) {
    for (const base::Range& range : tasks)
      for (std::uint64_t index = range.first; index < range.last; ++index) ++places.at(index);
  };
  count_in(scheduler_.pending_tasks().ranges());
  for (int rank = 1; rank <= workers(); ++rank) {
    if (!peers_.others().contains(rank)) continue;
    for (const std::string& bytes : network_.under_way(0, rank))
      if (talk::kind_of(bytes) == talk::kind<talk::Assignment>)
        count_in(front_of<talk::Assignment>(bytes).tasks);
    for (const base::Ranges& tasks : worker(rank).unstarted()) count_in(tasks);
    for (const base::Ranges& tasks : worker(rank).returning()) count_in(tasks);
  }
  return places;
}

void Conversation::check() const {
  const auto all = places();
  const auto wrong = std::find_if(all.begin(), all.end(), [](int count) { return count != 1; });
  if (wrong != all.end())
    throw std::logic_error("task " + std::to_string(wrong - all.begin()) + " is in " +
                           std::to_string(*wrong) + " places");
  require(scheduler_.pending() + scheduler_.in_flight() + scheduler_.done_count() == all.size(),
          "a task is pending, in flight or done");
  for (const base::Range& range : scheduler_.done_tasks().ranges())
    for (std::uint64_t index = range.first; index < range.last; ++index)
      require(ledger_.recorded[index] == 1, "done means recorded");
}

void Conversation::check_end() const {
  require(ended_ && network_.under_way() == 0, "in the end nothing is under way");
  for (int rank = 1; rank <= workers(); ++rank)
    require(!peers_.others().contains(rank) || worker(rank).end(),
            "every worker that lives hears of the end");
  std::uint64_t recorded = 0;
  std::uint64_t failed = 0;
  for (std::uint64_t index = 0; index < ledger_.recorded.size(); ++index) {
    require(scheduler_.done_tasks().contains(index) == (ledger_.recorded[index] == 1),
            "what is recorded is done");
    recorded += ledger_.recorded[index] == 1 ? 1 : 0;
    failed += ledger_.recorded[index] == 1 && ledger_.fails(index) ? 1 : 0;
  }
  require(scheduler_.in_flight() == 0, "nothing is in flight");
  const bool all = recorded == ledger_.recorded.size();
  require(all || (stop_on_failure_ && failed > 0), "all tasks are done, unless a failure stops the map");
  if (!all) ++corners_.stopped;
  require(tally_.tasks == recorded, "what is computed is counted");
  require(tally_.failed == failed, "what failed is counted");
  const auto& causes = tally_.failures;
  require(causes.size() == std::min<std::uint64_t>(failed, 1) && (failed == 0 || causes[0].count == failed),
          "failures of equal cause are counted together");
}

}  // namespace tasker::test
