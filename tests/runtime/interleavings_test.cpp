#include "schedule/scheduler.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tasker::runtime {
namespace {

using base::Range;
using namespace std::chrono_literals;

/// Workers and the messages between them and the scheduler, which arrive in order per worker but at any time,
/// with a record of its own of where each task is.
class Interleaving {
 public:
  explicit Interleaving(unsigned seed) : random_(seed), tasks_(1 + random_() % 150) {
    base::IntervalSet pending;
    for (std::uint64_t index = 0; index < tasks_; ++index) {
      if (seed % 4 != 0 || random_() % 3 != 0) pending.insert({index, index + 1});
    }
    whole_ = pending;
    state_.assign(tasks_, State::elsewhere);
    set(pending.ranges(), State::elsewhere, State::pending);
    scheduler_ = schedule::Scheduler(std::move(pending));
    slow_ = random_() % 3 == 0;
    most_slots_ = 1 + random_() % 4;
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
    schedule::ChunkId chunk;
    base::Clock::duration busy;
    base::Ranges tasks;
  };
  struct Answer {
    schedule::ChunkId chunk;
    std::uint64_t kept;
    base::Ranges returned;
  };
  struct Held {
    schedule::ChunkId id;
    base::Ranges tasks;
    std::uint64_t started;
  };
  struct Chunk {
    base::Ranges tasks;
    bool asked = false;
    bool started = false;
  };
  struct Peer {
    std::deque<schedule::Action> inbox;
    std::deque<Held> chunks;
    std::deque<std::variant<Report, Answer>> outbox;
    std::map<schedule::ChunkId, Chunk>
        in_flight;  // as the scheduler knows it, in the order in which they are begun
    std::size_t slots = 1;

    std::size_t idle() const { return slots - std::min(slots, in_flight.size()); }
  };

  bool all_in(const Range& range, State state) const {
    const auto first = state_.begin() + static_cast<std::ptrdiff_t>(range.first);
    return std::all_of(first, first + static_cast<std::ptrdiff_t>(range.size()),
                       [&](State each) { return each == state; });
  }
  bool all_in(const base::IntervalSet& tasks, State state) const {
    const base::Ranges ranges = tasks.ranges();
    return std::all_of(ranges.begin(), ranges.end(),
                       [&](const Range& range) { return all_in(range, state); });
  }

  void set(const base::Ranges& ranges, State from, State to) {
    for (const Range& range : ranges) {
      REQUIRE(all_in(range, from));
      std::fill_n(state_.begin() + static_cast<std::ptrdiff_t>(range.first), range.size(), to);
    }
  }

  void join(int worker) {
    const auto slots = static_cast<std::uint32_t>(1 + random_() % most_slots_);
    scheduler_.join(worker, slots);
    peers_[worker].slots = slots;
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
      const auto slot = random_() % std::min(peer.slots, peer.chunks.size());
      Held& chunk = peer.chunks[slot];
      if (chunk.started < base::count(chunk.tasks)) {
        chunk.started += 1 + random_() % (base::count(chunk.tasks) - chunk.started);
      } else {
        const auto task = random_() % 8 == 0 ? 1000ms : std::chrono::milliseconds(random_() % 3);
        peer.outbox.push_back(Report{chunk.id, static_cast<int>(chunk.started) * task, chunk.tasks});
        peer.chunks.erase(peer.chunks.begin() + static_cast<std::ptrdiff_t>(slot));
      }
    }
  }

  static void receive(Peer& peer) {
    const schedule::Action action = peer.inbox.front();
    peer.inbox.pop_front();
    if (const auto* assign = std::get_if<schedule::Assign>(&action)) {
      peer.chunks.push_back({assign->chunk, assign->tasks, 0});
      return;
    }
    const schedule::ChunkId id = std::get<schedule::TakeBack>(action).chunk;
    const auto chunk =
        std::find_if(peer.chunks.begin(), peer.chunks.end(), [&](auto& c) { return c.id == id; });
    if (chunk == peer.chunks.end()) {
      peer.outbox.push_back(Answer{id, 0, {}});
      return;
    }
    const std::uint64_t kept = chunk->started + (base::count(chunk->tasks) - chunk->started) / 2;
    peer.outbox.push_back(Answer{id, kept, base::split_after(chunk->tasks, kept)});
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
    base::split_after(chunk.tasks, answer.kept);
    if (answer.kept == 0) peer.in_flight.erase(found);
  }

  void send_all() {
    while (auto action = scheduler_.next(now_)) {
      std::visit([&](auto& what) { send(what); }, *action);
    }
  }

  void send(schedule::Assign& assign) {
    REQUIRE(base::count(assign.tasks) > 0);
    set(assign.tasks, State::pending, State::in_flight);
    if (random_() % 16 == 0) {  // too large for a message
      const std::uint64_t kept = 1 + random_() % base::count(assign.tasks);
      scheduler_.returned(assign.worker, assign.chunk, kept);
      set(base::split_after(assign.tasks, kept), State::in_flight, State::pending);
    }
    Peer& peer = peers_.at(assign.worker);
    peer.in_flight[assign.chunk].tasks = assign.tasks;
    REQUIRE(peer.in_flight.size() <= 2 * peer.slots);
    peer.inbox.push_back(assign);
  }

  void send(const schedule::TakeBack& what) {
    REQUIRE(scheduler_.pending() == 0);
    REQUIRE(scheduler_.idle_slots() > asked());
    Peer& peer = peers_.at(what.worker);
    REQUIRE_FALSE(std::exchange(peer.in_flight.at(what.chunk).asked, true));
    peer.inbox.push_back(what);
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
    std::size_t slots = 0;
    std::size_t idle = 0;
    for (const auto& [worker, peer] : peers_) {
      slots += peer.slots;
      idle += peer.idle();
    }
    if (scheduler_.slots() != slots) return "the number of slots";
    if (scheduler_.idle_slots() != idle) return "the number of idle slots";
    if (scheduler_.pending() > 0 && idle > 0) return "no slot is idle while tasks are pending";
    if (idle > asked() && may_be_asked()) return "unstarted tasks are taken back for every idle slot";
    return "";
  }

  std::size_t asked() const {
    std::size_t sum = 0;
    for (const auto& [worker, peer] : peers_) {
      for (const auto& [id, chunk] : peer.in_flight) sum += chunk.asked ? 1 : 0;
    }
    return sum;
  }

  bool may_be_asked() const {
    for (const auto& [worker, peer] : peers_) {
      std::size_t before = 0;
      for (const auto& [id, chunk] : peer.in_flight) {
        const bool surely_started = before++ < peer.slots && base::count(chunk.tasks) == 1;
        if (!chunk.asked && !chunk.started && !surely_started) return true;
      }
    }
    return false;
  }

  std::mt19937 random_;
  std::uint64_t tasks_;
  base::IntervalSet whole_;
  std::vector<State> state_;
  schedule::Scheduler scheduler_{base::IntervalSet()};
  std::map<int, Peer> peers_;
  bool slow_ = false;  // messages take long compared to tasks
  std::size_t most_slots_ = 1;
  base::Time now_;
};

TEST_CASE("Whatever the order of events, each task is in exactly one place, and in the end all are done") {
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    INFO("seed " << seed);
    Interleaving(seed).run();
  }
}

}  // namespace
}  // namespace tasker::runtime
