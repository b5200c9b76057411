#include "support/simulation.hpp"

#include "schedule/scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>
#include <tuple>
#include <variant>

namespace tasker::test {
namespace {

using schedule::Assign;
using schedule::ChunkId;
using schedule::Scheduler;
using schedule::TakeBack;

/// Events on their way: to rank 0 (Join, Done, Returned), to a worker (Assign, TakeBack), within one (Ended).
struct Join {};
struct Done {
  ChunkId chunk;
  double busy;
};
struct Returned {
  ChunkId chunk;
  std::uint64_t kept;
};
struct Ended {
  ChunkId chunk;
  std::uint64_t size;  // a chunk that was cut meanwhile ends at another time
};

struct Event {
  double at = 0;
  std::uint64_t number = 0;  // keeps messages that arrive together in the order in which they were sent
  int worker = 0;
  std::variant<Join, Done, Returned, Assign, TakeBack, Ended> what;

  bool operator>(const Event& other) const { return std::tie(at, number) > std::tie(other.at, other.number); }
};

struct Held {
  ChunkId id = 0;
  base::Ranges tasks;
  double begun = 0;
  std::vector<double> ends;  // of each task, seconds after `begun`; empty until the chunk is begun

  std::uint64_t size() const { return base::count(tasks); }
};

using Chunks = std::deque<Held>;  // of a worker, in the order in which it begins them

auto find(Chunks& held, ChunkId id) {
  return std::find_if(held.begin(), held.end(), [&](const Held& chunk) { return chunk.id == id; });
}

class Simulation {
 public:
  Simulation(const Cluster& cluster, const Workload& workload)
      : cluster_(cluster),
        workload_(workload),
        scheduler_(base::IntervalSet({0, workload.tasks})),
        held_(static_cast<std::size_t>(cluster.workers) + 1) {}

  Outcome run() {
    for (int worker = 1; worker <= cluster_.workers; ++worker) post(0, worker, Join{});
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      std::visit([&](const auto& what) { on(event, what); }, event.what);
    }
    outcome_.done = scheduler_.done_count();
    outcome_.makespan = rank_0_free_;
    outcome_.bound = std::max(
        outcome_.longest, outcome_.total / (static_cast<std::uint32_t>(cluster_.workers) * cluster_.slots));
    return outcome_;
  }

 private:
  template <typename What>
  void post(double at, int worker, What what) {
    events_.push({at, ++posted_, worker, std::move(what)});
  }

  void on(const Event& event, const Join&) {
    at_rank_0(event, [&] { scheduler_.join(event.worker, cluster_.slots); });
  }
  void on(const Event& event, const Done& done) {
    const auto busy = std::chrono::duration_cast<base::Clock::duration>(Seconds(done.busy));
    at_rank_0(event, [&] { scheduler_.done(event.worker, done.chunk, busy); });
  }
  void on(const Event& event, const Returned& returned) {
    at_rank_0(event, [&] { scheduler_.returned(event.worker, returned.chunk, returned.kept); });
  }

  template <typename Handle>
  void at_rank_0(const Event& event, Handle handle) {
    rank_0_free_ = std::max(rank_0_free_, event.at) + cluster_.message.count();
    handle();
    while (auto action = scheduler_.next(now())) {
      rank_0_free_ += cluster_.message.count();
      const double arrives = rank_0_free_ + cluster_.one_way.count();
      if (auto* assign = std::get_if<Assign>(&*action)) {
        ++outcome_.chunks;
        post(arrives, assign->worker, std::move(*assign));
      } else {
        ++outcome_.take_backs;
        post(arrives, std::get<TakeBack>(*action).worker, std::get<TakeBack>(*action));
      }
    }
  }

  base::Time now() const {
    return base::Time(std::chrono::duration_cast<base::Clock::duration>(Seconds(rank_0_free_)));
  }

  Chunks& held_of(const Event& event) { return held_[static_cast<std::size_t>(event.worker)]; }

  void on(const Event& event, const Assign& assign) {
    held_of(event).push_back({assign.chunk, assign.tasks, 0, {}});
    begin_last(event);
  }

  /// Begins the last of the chunks for which there is a slot, unless that has happened.
  void begin_last(const Event& event) {
    Chunks& held = held_of(event);
    const std::size_t busy = std::min(held.size(), std::size_t{cluster_.slots});
    if (busy > 0 && held[busy - 1].ends.empty()) begin(event.at, event.worker, held[busy - 1]);
  }

  void begin(double at, int worker, Held& chunk) {
    chunk.begun = at + cluster_.chunk.count();
    chunk.ends.reserve(chunk.size());
    double end = 0;
    for (const base::Range& range : chunk.tasks) {
      for (std::uint64_t index = range.first; index < range.last; ++index) {
        const double lasts = workload_.seconds(index);
        outcome_.longest = std::max(outcome_.longest, lasts);
        end += lasts;
        chunk.ends.push_back(end);
      }
    }
    post(chunk.begun + end, worker, Ended{chunk.id, chunk.size()});
  }

  void on(const Event& event, const Ended& ended) {
    Chunks& held = held_of(event);
    const auto chunk = find(held, ended.chunk);
    if (chunk == held.end() || chunk->size() != ended.size) return;
    const double busy = chunk->ends[ended.size - 1];
    outcome_.total += busy;
    post(event.at + cluster_.one_way.count(), event.worker, Done{ended.chunk, busy});
    held.erase(chunk);
    begin_last(event);
  }

  void on(const Event& event, const TakeBack& asked) {
    Chunks& held = held_of(event);
    const auto chunk = find(held, asked.chunk);
    std::uint64_t kept = 0;
    if (chunk != held.end()) {
      const std::uint64_t size = chunk->size();
      std::uint64_t started = 0;
      if (!chunk->ends.empty()) {
        const auto next = std::upper_bound(chunk->ends.begin(), chunk->ends.end(), event.at - chunk->begun);
        started = std::min(size, static_cast<std::uint64_t>(next - chunk->ends.begin()) + 1);
      }
      kept = started + (size - started) / 2;
      base::split_after(chunk->tasks, kept);
      if (started > 0 && kept < size) {
        post(chunk->begun + chunk->ends[kept - 1], event.worker, Ended{chunk->id, kept});
      }
      if (kept == 0) held.erase(chunk);
    }
    post(event.at + cluster_.one_way.count(), event.worker, Returned{asked.chunk, kept});
  }

  const Cluster& cluster_;
  const Workload& workload_;
  Scheduler scheduler_;
  std::vector<Chunks> held_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t posted_ = 0;
  double rank_0_free_ = 0;
  Outcome outcome_;
};

/// A number in (0, 1] that looks random and depends on `index` alone (splitmix64).
double uniform(std::uint64_t index) {
  std::uint64_t x = index * 0x9e3779b97f4a7c15u + 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  x ^= x >> 31;
  return (static_cast<double>(x >> 11) + 1) * 0x1p-53;
}

}  // namespace

std::vector<Workload> workloads(std::uint64_t tasks, Seconds mean) {
  const double m = mean.count();
  const double n = static_cast<double>(tasks);
  const double often = m / 1.99;  // 99 of these and one of 100 times that have the mean m
  return {
      {"constant", tasks, [=](std::uint64_t) { return m; }},
      {"exponential", tasks, [=](std::uint64_t i) { return -m * std::log(uniform(i)); }},
      {"bimodal", tasks, [=](std::uint64_t i) { return uniform(i) < 0.01 ? 100 * often : often; }},
      {"increasing", tasks, [=](std::uint64_t i) { return 2 * m * static_cast<double>(i + 1) / n; }},
      {"decreasing", tasks, [=](std::uint64_t i) { return 2 * m * (n - static_cast<double>(i)) / n; }},
  };
}

Outcome simulate(const Cluster& cluster, const Workload& workload) {
  return Simulation(cluster, workload).run();
}

}  // namespace tasker::test
