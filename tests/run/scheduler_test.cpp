#include "run/scheduler.hpp"

#include "support/simulation.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tasker::runtime {
namespace {

using base::Range;
using namespace std::chrono_literals;

/// All that there is to send at `now`.
std::vector<Action> all_actions(Scheduler& scheduler, Time now = Time{}) {
  std::vector<Action> actions;
  while (auto action = scheduler.next(now)) actions.push_back(*action);
  return actions;
}

Assign only_assign(Scheduler& scheduler, Time now = Time{}) {
  const auto actions = all_actions(scheduler, now);
  REQUIRE(actions.size() == 1);
  REQUIRE(std::holds_alternative<Assign>(actions[0]));
  return std::get<Assign>(actions[0]);
}

TakeBack only_take_back(Scheduler& scheduler, Time now = Time{}) {
  const auto actions = all_actions(scheduler, now);
  REQUIRE(actions.size() == 1);
  REQUIRE(std::holds_alternative<TakeBack>(actions[0]));
  return std::get<TakeBack>(actions[0]);
}

/// Lets the only worker finish chunks of equal tasks until at least `until` are done; returns what it has
/// then.
std::deque<Assign> learn(Scheduler& scheduler, Clock::duration task, std::uint64_t until) {
  std::deque<Assign> held;
  for (;;) {
    for (const Action& action : all_actions(scheduler)) held.push_back(std::get<Assign>(action));
    if (scheduler.done_count() >= until) return held;
    const Assign first = held.front();
    held.pop_front();
    scheduler.done(first.worker, first.chunk, static_cast<int>(count(first.tasks)) * task);
  }
}

TEST_CASE("Every worker's first chunk is one task") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  for (int worker = 1; worker <= 3; ++worker) {
    scheduler.join(worker);
    const Assign assign = only_assign(scheduler);
    CHECK(assign.worker == worker);
    CHECK(count(assign.tasks) == 1);
  }
  CHECK(scheduler.in_flight() == 3);
  CHECK(scheduler.pending() == 997);
}

TEST_CASE("With no tasks at all it is finished at once, and nothing is handed out") {
  Scheduler scheduler{IntervalSet()};
  CHECK(scheduler.finished());
  scheduler.join(1);
  CHECK(all_actions(scheduler).empty());
}

TEST_CASE("Chunks grow to about 10 ms of short tasks, and never beyond what has been finished") {
  for (const std::uint64_t until : {1u, 2u, 4u, 8u, 16u, 32u, 64u}) {
    Scheduler scheduler(IntervalSet({0, 1'000'000'000}));
    scheduler.join(1);
    const auto held = learn(scheduler, 100us, until);
    CHECK(count(held.back().tasks) <= scheduler.done_count());
    CHECK(count(held.back().tasks) >= until / 2);
  }
  Scheduler scheduler(IntervalSet({0, 1'000'000'000}));
  scheduler.join(1);
  const std::uint64_t size = count(learn(scheduler, 100us, 2000).back().tasks);
  CHECK(size >= 99);
  CHECK(size <= 100);
}

TEST_CASE("No chunk has more than 65536 tasks, however short they are") {
  Scheduler scheduler(IntervalSet({0, 1'000'000'000}));
  scheduler.join(1);
  CHECK(count(learn(scheduler, 1ns, 1'000'000).back().tasks) == 65536);
}

TEST_CASE("Chunks shrink towards the end, down to one task") {
  const auto [until, largest] =
      GENERATE(table<std::uint64_t, std::uint64_t>({{1700, 75}, {1900, 25}, {1994, 1}}));
  Scheduler scheduler(IntervalSet({0, 2000}));
  scheduler.join(1);
  CHECK(count(learn(scheduler, 100us, until).back().tasks) <= largest);
}

TEST_CASE("Short tasks are prefetched one chunk ahead, long ones not at all") {
  const auto [task, chunks] = GENERATE(table<Clock::duration, std::size_t>({{1ms, 2}, {1s, 1}, {1h, 1}}));
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  const Assign first = only_assign(scheduler);
  scheduler.done(1, first.chunk, task);
  const auto actions = all_actions(scheduler);
  CHECK(actions.size() == chunks);
  for (const Action& action : actions) CHECK(count(std::get<Assign>(action).tasks) == 1);
}

TEST_CASE("One extremely long task doesn't change what the next ones are expected to last") {
  Scheduler scheduler(IntervalSet({0, 1'000'000}));
  scheduler.join(1);
  const auto held = learn(scheduler, 1ms, 1000);
  scheduler.done(1, held.front().chunk, 1h);
  CHECK(scheduler.expected_task() > 1ms);
  CHECK(scheduler.expected_task() < 10ms);
  CHECK(scheduler.mean_task() > 1s);
}

TEST_CASE("Scattered tasks are handed out together, as several ranges") {
  IntervalSet pending;
  for (std::uint64_t index = 0; index < 4000; index += 2) pending.insert({index, index + 1});
  Scheduler scheduler(pending);
  scheduler.join(1);
  const auto held = learn(scheduler, 1ms, 100);
  CHECK(held.back().tasks.size() == 10);
  CHECK(count(held.back().tasks) == 10);
}

TEST_CASE("A worker that leaves gives all its unfinished tasks back, and what it finished stays done") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  learn(scheduler, 1ms, 50);
  const std::uint64_t done = scheduler.done_count();
  REQUIRE(scheduler.in_flight() > 1);
  scheduler.leave(1);
  CHECK(scheduler.in_flight() == 0);
  CHECK(scheduler.pending() == 1000 - done);
  CHECK(scheduler.done_tasks() == IntervalSet({0, done}));
  CHECK(scheduler.workers() == 0);
  CHECK(scheduler.idle_workers() == 0);
  CHECK(all_actions(scheduler).empty());
  scheduler.leave(1);
  scheduler.join(2);
  const auto actions = all_actions(scheduler);
  CHECK(actions.size() == 2);
  for (const Action& action : actions) CHECK(std::get<Assign>(action).worker == 2);
  CHECK(std::get<Assign>(actions[0]).tasks.front().first == done);
}

TEST_CASE("After a drain nothing is handed out, and it is finished when nothing is in flight") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  scheduler.join(2);
  const auto actions = all_actions(scheduler);
  scheduler.drain();
  CHECK_FALSE(scheduler.finished());
  for (const Action& action : actions)
    scheduler.done(std::get<Assign>(action).worker, std::get<Assign>(action).chunk, 1ms);
  CHECK(all_actions(scheduler).empty());
  CHECK(scheduler.finished());
  CHECK(scheduler.pending() == 998);
}

/// Worker 1 has begun a chunk and has another behind it; worker 2 has finished all others and is idle.
struct RunDry {
  Scheduler scheduler{IntervalSet({0, 1000})};
  Assign begun;
  Assign waiting;
  TakeBack asked;
  Time now{10ms};

  explicit RunDry(Clock::duration task = 1ms) {
    scheduler.join(1);
    const auto held = learn(scheduler, task, 500);
    begun = held.at(0);
    waiting = held.at(1);
    scheduler.join(2);
    std::deque<Assign> others;
    for (;;) {
      for (const Action& action : all_actions(scheduler)) {
        if (const auto* take_back = std::get_if<TakeBack>(&action)) {
          asked = *take_back;
          return;
        }
        others.push_back(std::get<Assign>(action));
      }
      scheduler.done(2, others.front().chunk, static_cast<int>(count(others.front().tasks)) * task);
      others.pop_front();
    }
  }
};

TEST_CASE("When one runs dry, what a busy worker has not started is taken back, the last chunk first") {
  RunDry run;
  CHECK(run.asked.worker == 1);
  CHECK(run.asked.chunk == run.waiting.chunk);
  CHECK(count(run.waiting.tasks) == 10);
}

TEST_CASE("A take-back counts only when it is confirmed") {
  RunDry run;
  CHECK(run.scheduler.pending() == 0);
  CHECK(run.scheduler.in_flight() == 20);
  CHECK(all_actions(run.scheduler, run.now).empty());

  run.scheduler.returned(1, run.waiting.chunk, 5);
  CHECK(run.scheduler.pending() == 5);
  CHECK(run.scheduler.in_flight() == 15);
  const Assign assign = only_assign(run.scheduler, run.now);
  CHECK(assign.worker == 2);
  CHECK(assign.tasks.front().first == run.waiting.tasks.front().first + 5);
}

TEST_CASE("A chunk is asked once at a time, and never again once all of it has been started") {
  RunDry run;
  run.scheduler.join(3);  // two idle workers: one take-back for each
  CHECK(only_take_back(run.scheduler, run.now).chunk == run.begun.chunk);
  run.scheduler.join(4);
  CHECK(all_actions(run.scheduler, run.now).empty());

  run.scheduler.returned(1, run.begun.chunk, 10);
  run.scheduler.returned(1, run.waiting.chunk, 10);
  CHECK(all_actions(run.scheduler, run.now + 1h).empty());
  CHECK(run.scheduler.in_flight() == 20);
}

TEST_CASE("A chunk that gave something is asked again, until all is given or started") {
  RunDry run;
  std::uint64_t kept = 10;
  while (kept > 0) {
    kept /= 2;
    run.scheduler.returned(1, run.waiting.chunk, kept);
    while (auto action = run.scheduler.next(run.now)) {
      const auto* assign = std::get_if<Assign>(&*action);
      if (assign == nullptr) break;
      run.scheduler.done(assign->worker, assign->chunk, 1us);
    }
  }
  CHECK(run.scheduler.in_flight() == 10);
  CHECK(run.scheduler.done_count() == 990);
}

TEST_CASE("What was taken back waits for an idle worker, and is not put behind another chunk") {
  RunDry run;
  run.scheduler.done(1, run.begun.chunk, 10ms);
  run.scheduler.returned(1, run.waiting.chunk, 3);
  CHECK(only_assign(run.scheduler, run.now).worker == 2);
  CHECK(run.scheduler.pending() > run.scheduler.workers());
}

TEST_CASE("A chunk whose task hangs is asked for what is behind it") {
  RunDry run;
  run.scheduler.returned(1, run.waiting.chunk, 0);
  while (run.scheduler.done_count() < 990) {
    const Assign assign = only_assign(run.scheduler, run.now);
    run.scheduler.done(2, assign.chunk, static_cast<int>(count(assign.tasks)) * 1ms);
  }
  CHECK(only_take_back(run.scheduler, run.now + 24h).chunk == run.begun.chunk);
  run.scheduler.returned(1, run.begun.chunk, 1);
  CHECK(run.scheduler.pending() == 9);
}

TEST_CASE("The answer to a take-back may cross the report, or come after its worker was given up") {
  RunDry run;
  run.scheduler.done(1, run.begun.chunk, 10ms);
  run.scheduler.done(1, run.waiting.chunk, 10ms);
  CHECK(run.scheduler.finished());
  run.scheduler.returned(1, run.waiting.chunk, 5);
  CHECK(run.scheduler.finished());
  CHECK(run.scheduler.done_tasks() == IntervalSet({0, 1000}));

  RunDry lost;
  lost.scheduler.leave(1);
  CHECK(lost.scheduler.pending() == 20);
  lost.scheduler.returned(1, lost.waiting.chunk, 5);
  CHECK(lost.scheduler.pending() == 20);
}

TEST_CASE("When an asked chunk is reported instead of answered, another is asked in its place") {
  RunDry run;
  run.scheduler.done(1, run.waiting.chunk, 10ms);
  CHECK(only_take_back(run.scheduler, run.now).chunk == run.begun.chunk);
}

TEST_CASE("After a worker is lost at the end, its tasks are prefetched again while there are plenty") {
  RunDry run;
  run.scheduler.leave(1);
  const auto actions = all_actions(run.scheduler, run.now);
  CHECK(actions.size() == 2);
  for (const Action& action : actions) CHECK(std::get<Assign>(action).worker == 2);
}

TEST_CASE("A chunk that is too large to send is cut before it goes, and its worker is still asked later") {
  Scheduler scheduler(IntervalSet({0, 1000}));
  scheduler.join(1);
  const Assign assign = learn(scheduler, 1ms, 500).back();
  scheduler.returned(1, assign.chunk, 3);
  const std::uint64_t pending = scheduler.pending();
  CHECK(pending + scheduler.in_flight() + scheduler.done_count() == 1000);
  scheduler.done(1, assign.chunk, 3ms);
  CHECK_FALSE(scheduler.done_tasks().contains(assign.tasks.front().first + 3));
}

TEST_CASE("What can't be true is refused and changes nothing") {
  RunDry run;
  run.scheduler.returned(1, run.waiting.chunk, 5);
  const ChunkId mine = run.begun.chunk;
  CHECK_THROWS_AS(run.scheduler.done(2, mine, 1ms), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.done(7, mine, 1ms), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.done(1, mine, -1ms), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.done(1, 1, 1ms), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.done(1, 123456, 1ms), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.returned(2, mine, 1), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.returned(1, mine, 11), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.returned(1, 0, 0), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.returned(1, 123456, 0), std::invalid_argument);
  CHECK_THROWS_AS(run.scheduler.join(1), std::invalid_argument);
  CHECK(run.scheduler.in_flight() == 15);
  CHECK(run.scheduler.pending() == 5);
  CHECK(run.scheduler.done_count() == 980);
}

/// Workers and the messages between them and the scheduler, which arrive in order per worker but at any time,
/// with a record of its own of where each task is.
class Interleaving {
 public:
  explicit Interleaving(unsigned seed) : random_(seed), tasks_(1 + random_() % 150) {
    IntervalSet pending;
    for (std::uint64_t index = 0; index < tasks_; ++index) {
      if (seed % 4 != 0 || random_() % 3 != 0) pending.insert({index, index + 1});
    }
    whole_ = pending;
    state_.assign(tasks_, State::elsewhere);
    set(pending.ranges(), State::elsewhere, State::pending);
    scheduler_ = Scheduler(std::move(pending));
    slow_ = random_() % 3 == 0;
  }

  void run() {
    for (int step = 0; step < 300; ++step) {
      now_ += std::chrono::microseconds(random_() % 3000);
      const int worker = 1 + static_cast<int>(random_() % 6);
      if (peers_.count(worker) == 0) {
        if (random_() % 4 == 0) join(worker);
      } else if (random_() % 150 == 0) {
        leave(worker);
      } else {
        act(worker);
      }
      send_all();
      check();
    }
    if (peers_.empty()) join(1);
    send_all();
    for (int step = 0; !scheduler_.finished(); ++step) {
      REQUIRE(step < 100'000);
      now_ += 1ms;
      act(std::next(peers_.begin(), static_cast<std::ptrdiff_t>(random_() % peers_.size()))->first);
      send_all();
      check();
    }
    REQUIRE(scheduler_.done_tasks() == whole_);
  }

 private:
  enum class State : char { elsewhere, pending, in_flight, done };
  struct Report {
    ChunkId chunk;
    Clock::duration busy;
    Ranges tasks;
  };
  struct Answer {
    ChunkId chunk;
    std::uint64_t kept;
    Ranges returned;
  };
  struct Held {
    ChunkId id;
    Ranges tasks;
    std::uint64_t started;
  };
  struct Chunk {
    Ranges tasks;
    bool asked = false;
    bool started = false;
  };
  struct Peer {
    std::deque<Action> inbox;
    std::deque<Held> chunks;
    std::deque<std::variant<Report, Answer>> outbox;
    std::map<ChunkId, Chunk> in_flight;  // as the scheduler knows it, in the order of its queue
  };

  bool all_in(const Range& range, State state) const {
    const auto first = state_.begin() + static_cast<std::ptrdiff_t>(range.first);
    return std::all_of(first, first + static_cast<std::ptrdiff_t>(range.size()),
                       [&](State each) { return each == state; });
  }
  bool all_in(const IntervalSet& tasks, State state) const {
    const Ranges ranges = tasks.ranges();
    return std::all_of(ranges.begin(), ranges.end(),
                       [&](const Range& range) { return all_in(range, state); });
  }

  void set(const Ranges& ranges, State from, State to) {
    for (const Range& range : ranges) {
      REQUIRE(all_in(range, from));
      std::fill_n(state_.begin() + static_cast<std::ptrdiff_t>(range.first), range.size(), to);
    }
  }

  void join(int worker) {
    scheduler_.join(worker);
    peers_[worker];
  }

  void leave(int worker) {
    scheduler_.leave(worker);
    for (const auto& [id, chunk] : peers_[worker].in_flight)
      set(chunk.tasks, State::in_flight, State::pending);
    peers_.erase(worker);
  }

  /// Something happens to a worker: it starts or ends a task, or a message to or from it arrives.
  void act(int worker) {
    Peer& peer = peers_.at(worker);
    const auto what = random_() % (slow_ ? 12 : 4);
    if (what == 0 && !peer.inbox.empty()) {
      receive(peer);
    } else if (what == 1 && !peer.outbox.empty()) {
      std::visit([&](const auto& message) { arrive(worker, peer, message); }, peer.outbox.front());
      peer.outbox.pop_front();
    } else if (!peer.chunks.empty()) {
      Held& chunk = peer.chunks.front();
      if (chunk.started < count(chunk.tasks)) {
        chunk.started += 1 + random_() % (count(chunk.tasks) - chunk.started);
      } else {
        const auto task = random_() % 8 == 0 ? 1000ms : std::chrono::milliseconds(random_() % 3);
        peer.outbox.push_back(Report{chunk.id, static_cast<int>(chunk.started) * task, chunk.tasks});
        peer.chunks.pop_front();
      }
    }
  }

  static void receive(Peer& peer) {
    const Action action = peer.inbox.front();
    peer.inbox.pop_front();
    if (const auto* assign = std::get_if<Assign>(&action)) {
      peer.chunks.push_back({assign->chunk, assign->tasks, 0});
      return;
    }
    const ChunkId id = std::get<TakeBack>(action).chunk;
    const auto chunk =
        std::find_if(peer.chunks.begin(), peer.chunks.end(), [&](auto& c) { return c.id == id; });
    if (chunk == peer.chunks.end()) {
      peer.outbox.push_back(Answer{id, 0, {}});
      return;
    }
    const std::uint64_t kept = chunk->started + (count(chunk->tasks) - chunk->started) / 2;
    peer.outbox.push_back(Answer{id, kept, split_after(chunk->tasks, kept)});
    if (kept == 0) peer.chunks.erase(chunk);
  }

  void arrive(int worker, Peer& peer, const Report& report) {
    scheduler_.done(worker, report.chunk, report.busy);
    REQUIRE(peer.in_flight.at(report.chunk).tasks == report.tasks);
    peer.in_flight.erase(report.chunk);
    set(report.tasks, State::in_flight, State::done);
  }

  void arrive(int worker, Peer& peer, const Answer& answer) {
    scheduler_.returned(worker, answer.chunk, answer.kept);
    set(answer.returned, State::in_flight, State::pending);
    const auto found = peer.in_flight.find(answer.chunk);
    if (found == peer.in_flight.end()) return;
    Chunk& chunk = found->second;
    chunk.asked = false;
    chunk.started = answer.returned.empty();
    split_after(chunk.tasks, answer.kept);
    if (answer.kept == 0) peer.in_flight.erase(found);
  }

  void send_all() {
    while (auto action = scheduler_.next(now_)) {
      std::visit([&](auto& what) { send(what); }, *action);
    }
  }

  void send(Assign& assign) {
    REQUIRE(count(assign.tasks) > 0);
    set(assign.tasks, State::pending, State::in_flight);
    if (random_() % 16 == 0) {  // too large for a message
      const std::uint64_t kept = 1 + random_() % count(assign.tasks);
      scheduler_.returned(assign.worker, assign.chunk, kept);
      set(split_after(assign.tasks, kept), State::in_flight, State::pending);
    }
    Peer& peer = peers_.at(assign.worker);
    peer.in_flight[assign.chunk].tasks = assign.tasks;
    REQUIRE(peer.in_flight.size() <= 2);
    peer.inbox.push_back(assign);
  }

  void send(const TakeBack& asked) {
    REQUIRE(scheduler_.pending() == 0);
    REQUIRE(scheduler_.idle_workers() > 0);
    Peer& peer = peers_.at(asked.worker);
    REQUIRE_FALSE(std::exchange(peer.in_flight.at(asked.chunk).asked, true));
    peer.inbox.push_back(asked);
  }

  void check() const { REQUIRE(violated() == ""); }

  /// What must always hold and doesn't, if anything.
  std::string_view violated() const {
    const auto in = [&](State state) {
      return static_cast<std::uint64_t>(std::count(state_.begin(), state_.end(), state));
    };
    if (scheduler_.pending() != in(State::pending)) return "the number of pending tasks";
    if (scheduler_.in_flight() != in(State::in_flight)) return "the number of tasks in flight";
    if (scheduler_.done_count() != in(State::done)) return "the number of done tasks";
    if (!all_in(scheduler_.pending_tasks(), State::pending)) return "which tasks are pending";
    if (!all_in(scheduler_.done_tasks(), State::done)) return "which tasks are done";
    if (scheduler_.workers() != peers_.size()) return "the number of workers";
    const auto idle =
        std::count_if(peers_.begin(), peers_.end(), [](auto& p) { return p.second.in_flight.empty(); });
    if (scheduler_.idle_workers() != static_cast<std::size_t>(idle)) return "the number of idle workers";
    if (scheduler_.pending() > 0 && idle > 0) return "no worker is idle while tasks are pending";
    if (idle > asked() && may_be_asked()) return "unstarted tasks are taken back for every idle worker";
    return "";
  }

  std::ptrdiff_t asked() const {
    std::ptrdiff_t sum = 0;
    for (const auto& [worker, peer] : peers_) {
      for (const auto& [id, chunk] : peer.in_flight) sum += chunk.asked ? 1 : 0;
    }
    return sum;
  }

  bool may_be_asked() const {
    for (const auto& [worker, peer] : peers_) {
      for (const auto& [id, chunk] : peer.in_flight) {
        const bool surely_started = id == peer.in_flight.begin()->first && count(chunk.tasks) == 1;
        if (!chunk.asked && !chunk.started && !surely_started) return true;
      }
    }
    return false;
  }

  std::mt19937 random_;
  std::uint64_t tasks_;
  IntervalSet whole_;
  std::vector<State> state_;
  Scheduler scheduler_{IntervalSet()};
  std::map<int, Peer> peers_;
  bool slow_ = false;  // messages take long compared to tasks
  Time now_;
};

TEST_CASE("Whatever the order of events, each task is in exactly one place, and in the end all are done") {
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    INFO("seed " << seed);
    Interleaving(seed).run();
  }
}

TEST_CASE(
    "No worker is idle while another has an unstarted task, when tasks last for hours after short ones") {
  const test::Workload workload{"sudden", 1100,
                                [](std::uint64_t index) { return index < 1000 ? 1e-3 : 3600.0; }};
  const test::Cluster cluster{.workers = 4};
  const auto outcome = simulate(cluster, workload);
  CHECK(outcome.done == workload.tasks);
  CHECK(outcome.makespan < 25 * 3600.0 + 2);
}

TEST_CASE("Simulated makespans are within 1 % of what is possible, whatever the durations") {
  const auto [workers, mean, tasks] = GENERATE(table<int, double, std::uint64_t>({
      {2, 100e-6, 50'000},
      {2, 10e-3, 20'000},
      {7, 1e-3, 50'000},
      {64, 500e-6, 640'000},
  }));
  for (const auto& workload : test::workloads(tasks, test::Seconds(mean))) {
    const auto outcome = simulate(test::Cluster{.workers = workers}, workload);
    INFO(workload.name << ", " << workers << " workers, " << mean << " s: " << 100 * outcome.loss()
                       << " % lost");
    CHECK(outcome.done == tasks);
    CHECK(outcome.loss() < 0.01);
  }
}

TEST_CASE("With few tasks for each of many workers, no more is lost than 1 % and the longest task") {
  for (const auto& workload : test::workloads(50'000, test::Seconds(50e-3))) {
    const auto outcome = simulate(test::Cluster{.workers = 512}, workload);
    INFO(workload.name << ": " << outcome.makespan << " s instead of " << outcome.bound << " s");
    CHECK(outcome.done == workload.tasks);
    CHECK(outcome.makespan < 1.01 * outcome.bound + outcome.longest);
  }
}

}  // namespace
}  // namespace tasker::runtime
