#include "support/forked.hpp"
#include "support/isolated.hpp"
#include "support/slot_page.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace tasker::execute::slots {
namespace {

using namespace test;
using namespace std::chrono_literals;

TEST_CASE("A slot computes what the rank itself would, in another process") {
  const pid_t rank = ::getpid();
  Isolated map([rank](int x) { return ::getpid() == rank ? -1 : 2 * x; });
  map.start({{0, 3}, {50, 52}, {99, 100}});
  const ChunkReport report = map.finish();
  CHECK(report.tasks == 6);
  CHECK(report.failed == 0);
  REQUIRE(map.sink.records.size() == 6);
  for (const auto& [index, record] : map.sink.records) {
    CHECK(record.outcome == store::Outcome::done);
    CHECK(record.times == 1);
    CHECK(result<int>(record) == static_cast<int>(20 * index));
    CHECK(detail::decode<int>(record.argument) == static_cast<int>(10 * index));
  }
}

TEST_CASE("The child is kept from chunk to chunk") {
  Isolated map([](int) { return ::getpid(); });
  std::map<int, int> pids;
  for (std::uint64_t i = 0; i < 10; ++i) {
    map.start({{i, i + 1}});
    map.finish();
    ++pids[result<int>(map.sink.records.at(i))];
  }
  CHECK(pids.size() == 1);
}

TEST_CASE("A crash costs the task that crashed, and says how") {
  Isolated map([](int x) {
    switch (x) {
      case 10: std::raise(SIGSEGV); break;
      case 20: std::abort();
      case 30: std::exit(3);
      case 40: ::_exit(0);
      case 50: std::raise(SIGKILL); break;
      case 60: throw std::runtime_error("sixty");
      case 70: throw 70;
      default: break;
    }
    return x;
  });
  map.start({{0, 10}}, {{1, 4}, {3, 2}});
  const ChunkReport report = map.finish();
  CHECK(report.tasks == 10);
  CHECK(report.failed == 7);
  const std::map<std::uint64_t, std::pair<store::Outcome, std::string>> expected = {
      {1, {store::Outcome::crashed, "signal SIGSEGV"}},
      {2, {store::Outcome::crashed, "signal SIGABRT"}},
      {3, {store::Outcome::crashed, "it ended its process, with exit code 3"}},
      {4, {store::Outcome::crashed, "it ended its process, with exit code 0"}},
      {5, {store::Outcome::crashed, "signal SIGKILL"}},
      {6, {store::Outcome::failed, "std::runtime_error: sixty"}},
      {7, {store::Outcome::failed, "an exception of type int"}}};
  REQUIRE(map.sink.records.size() == 10);
  for (const auto& [index, record] : map.sink.records) {
    INFO("task " << index);
    CHECK(record.times == 1);
    CHECK(record.attempt == (index == 1 ? 4 : index == 3 ? 2 : 1));
    const auto failure = expected.find(index);
    if (failure == expected.end()) {
      CHECK(record.outcome == store::Outcome::done);
      CHECK(result<int>(record) == static_cast<int>(10 * index));
    } else {
      CHECK(record.outcome == failure->second.first);
      CHECK(record.payload == failure->second.second);
      CHECK(detail::decode<int>(record.argument) == static_cast<int>(10 * index));
    }
  }
  CHECK(report.failures.front() == TaskFailure{1, "signal SIGSEGV", 1, ""});
}

void write_everywhere(const std::string& bytes) {
  for (int file = 3; file < 1024; ++file)
    ::send(file, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

TEST_CASE("A task that writes where it must not costs itself") {
  Isolated map([](int x) {
    if (x == 20) write_everywhere("printed by accident");  // to the rank, besides others
    return x;
  });
  map.start({{0, 5}});
  CHECK(map.finish().failed == 1);
  CHECK(map.sink.records.at(2).outcome == store::Outcome::crashed);
  CHECK(map.sink.records.at(2).payload == "something else wrote into the pipe to a task's process");
  CHECK(result<int>(map.sink.records.at(4)) == 40);
}

TEST_CASE("A task that seems to save the state of another one costs itself, and saves nothing") {
  Isolated map([](int x) {
    if (x == 20) write_everywhere(piped(base::pack(SavedState{7}) + "nonsense"));
    return x;
  });
  map.start({{0, 5}});
  CHECK(map.finish().failed == 1);
  CHECK(map.sink.saved.empty());
  CHECK(map.sink.records.at(2).payload == "its process saved the state of a task that is not its own");
}

TEST_CASE("A child that dies, or talks nonsense, after its last task has nothing to be blamed for") {
  const bool dies = GENERATE(true, false);
  const base::Shared<std::atomic<pid_t>> child;
  const base::Shared<std::atomic<bool>> talks;
  const std::string nonsense = "nonsense, longer than a header";
  Isolated map([&](int x) {
    *child = ::getpid();
    if (x > 0 || ::fork() > 0) return x;
    while (!*talks) std::this_thread::sleep_for(1ms);
    write_everywhere(nonsense);
    ::_exit(0);
  });
  Guard guard;
  LoneSlot slot(map.work, guard);
  std::vector<pollfd> watched;
  slot.watch(watched);
  slot.start(map.shared_chunk({{0, 1}}));
  await([&] { return unheard(slot).ends_with(piped(base::pack(Finished{}))); });
  const pid_t first = *child;
  if (dies) {
    ::kill(first, SIGKILL);
    await([&] { return ::poll(&watched[1], 1, 0) == 1; });
  } else {
    *talks = true;
    await([&] { return unheard(slot).ends_with(nonsense); });
  }
  const auto ended = slot.hear_all(map.sink);
  REQUIRE(ended);
  CHECK(ended->tasks == 1);
  CHECK(ended->failed == 0);
  slot.start(map.shared_chunk({{1, 2}}));
  await([&] { return slot.hear_all(map.sink).has_value(); });
  CHECK(map.sink.records.at(1).outcome == store::Outcome::done);
  CHECK(*child != first);
}

/// Records of the task that a child is at, and of those behind it, which it sends to its rank as if they were
/// the recorder's.
void forge_records(std::uint64_t first, store::Outcome outcome, std::uint32_t count) {
  store::Record record;
  record.index = first;
  record.outcome = outcome;
  const store::Fingerprinter fingerprinter(Digest{});
  store::FrameBuilder frame(fingerprinter, true);
  frame.add_run(record, count);
  write_everywhere(piped(base::pack(Records{}) + store::to_bytes(frame.frame({}), 0)));
}

TEST_CASE("A record of an outcome that no process notices itself is damage") {
  const auto outcome = GENERATE(store::Outcome::none, store::Outcome::crashed, store::Outcome::lost,
                                static_cast<store::Outcome>(9), store::Outcome::done);
  Isolated map([outcome](int x) {
    if (x > 0) return x;
    forge_records(0, outcome, 1);
    ::_exit(0);
  });
  map.start({{0, 5}});
  CHECK(map.finish().tasks == 5);
  const bool believed = outcome == store::Outcome::done;
  CHECK(map.sink.records.at(0).outcome == (believed ? store::Outcome::done : store::Outcome::crashed));
  CHECK(map.sink.records.at(0).times == 1);
  CHECK(result<int>(map.sink.records.at(4)) == 40);
}

TEST_CASE("Records of tasks that are not in the chunk are damage") {
  Isolated map([](int x) {
    if (x > 0) return x;
    forge_records(0, store::Outcome::done, 4);
    ::_exit(0);
  });
  map.start({{0, 3}, {8, 10}});
  CHECK(map.finish().tasks == 5);
  CHECK(map.sink.records.at(0).payload == "its process sent records that are not of its tasks");
  CHECK_FALSE(map.sink.records.contains(3));
  CHECK(result<int>(map.sink.records.at(9)) == 90);
}

TEST_CASE("A task that overwrites how many are started and kept costs no other") {
  const auto nonsense = GENERATE(detail::Claims{3, 1000}, detail::Claims{3, 2}, detail::Claims{0, 10},
                                 detail::Claims{9, 10}, detail::Claims{1000, 1000}, detail::Claims{0, 0});
  const bool takes_back = GENERATE(false, true);
  CAPTURE(nonsense.started, nonsense.limit, takes_back);
  const base::Shared<std::atomic<bool>> written;
  const base::Shared<std::atomic<bool>> goes_on;
  Isolated map([&](int x) {
    if (x == 20) {
      slot_page().chunk = nonsense;
      *written = true;
      while (!*goes_on) std::this_thread::sleep_for(1ms);
    }
    return x;
  });
  const auto chunk = map.start({{0, 10}});
  await([&] { return written->load(); });
  const std::uint64_t kept = takes_back ? chunk->take_back() : 10;
  CHECK(kept <= 10);
  *goes_on = true;
  CHECK(map.finish().tasks == kept);
  CHECK(chunk->kept() == kept);
  REQUIRE(map.sink.records.size() == kept);
  for (const auto& [index, record] : map.sink.records) {
    CHECK(index < kept);
    CHECK(record.times == 1);
  }
}

int deeper(int depth) {
  volatile char room[4096] = {};
  room[depth % 4096] = 1;
  return depth < 0 ? 0 : deeper(depth + 1) + room[0];
}

TEST_CASE("A stack overflow is told from other accesses to nowhere") {
  Isolated map([](int x) {
    if (x == 0) return deeper(0);
    const auto* const nowhere = reinterpret_cast<const volatile int*>(static_cast<std::uintptr_t>(x + 6));
    return *nowhere;
  });
  map.start({{0, 2}});
  map.finish();
  CHECK(map.sink.records.at(0).payload == "stack overflow (signal SIGSEGV)");
  CHECK(map.sink.records.at(1).payload == "signal SIGSEGV");
}

TEST_CASE("Tiny tasks before a crash are not lost, and none is recorded twice") {
  // All within a millisecond, so that many are not recorded yet when one crashes.
  Isolated map([](int x) {
    if (x % 70 == 0) std::raise(SIGSEGV);
    return x;
  });
  map.start({{0, 100}});
  const ChunkReport report = map.finish();
  CHECK(report.tasks == 100);
  CHECK(report.failed == 15);
  for (std::uint64_t index = 0; index < 100; ++index) {
    INFO("task " << index);
    const KeptRecord& record = map.sink.records.at(index);
    CHECK(record.times == 1);
    CHECK(record.outcome == (index % 7 == 0 ? store::Outcome::crashed : store::Outcome::done));
  }
}

TEST_CASE("What a task left behind costs no later one") {
  const bool exits = GENERATE(false, true);
  const base::Shared<std::array<std::atomic<int>, 2>> calls;
  Isolated map([&](int x, Context& context) {
    const int call = ++(*calls)[static_cast<std::size_t>(x / 10)];
    if (x == 0) {
      std::thread([&calls, exits] {
        while ((*calls)[1] == 0) std::this_thread::sleep_for(1ms);
        exits ? ::_exit(0) : std::abort();
      }).detach();
      std::this_thread::sleep_for(2ms);  // so that it is recorded before the next one begins
    } else if (call == 1) {
      std::this_thread::sleep_for(1h);
    }
    return static_cast<int>(context.attempt());
  });
  map.start({{0, 2}});
  CHECK(map.finish().failed == 0);
  CHECK((*calls)[1] == 2);
  CHECK(result<int>(map.sink.records.at(1)) == 1);
}

TEST_CASE("A task that crashes is called once more at most, and each further attempt once") {
  const base::Shared<std::array<std::atomic<int>, 4>> calls;  // of each attempt
  Isolated map(
      [&](int x, Context& context) {
        std::this_thread::sleep_for(2ms);  // so that each is recorded
        if (x != 10) return x;
        ++(*calls)[context.attempt()];
        std::abort();
      },
      1, {.retries = 2});
  map.start({{0, 3}});
  CHECK(map.finish().failed == 1);
  CHECK((*calls)[1] == 2);
  CHECK((*calls)[2] == 1);
  CHECK((*calls)[3] == 1);
  CHECK(map.sink.records.at(1).times == 3);
}

/// The chunk and what became of it.
Slot::Ended next_ended(Slot& slot, FrameSink& sink) {
  std::optional<Slot::Ended> ended;
  await([&] {
    std::vector<pollfd> found;
    slot.watch(found);
    ::poll(found.data(), found.size(), 10);
    slot.hear(found, sink);
    return (ended = slot.take_ended()).has_value();
  });
  return *ended;
}

TEST_CASE("A task that lasted too long is over; those before it that were not recorded are left over") {
  const base::Shared<std::atomic<bool>> hangs;
  Isolated map(
      [&](int x) {
        if (x == 20) *hangs = true;
        if (x == 20) std::this_thread::sleep_for(1h);
        return x;
      },
      1, {.timeout = 1h});
  Guard guard;
  LoneSlot slot(map.work, guard);
  const auto start = Slot::Clock::now();
  slot.start(map.shared_chunk({{0, 4}}));
  await([&] { return hangs->load(); });
  slot.look(start);
  slot.look(start + 2h);
  const Slot::Ended ended = next_ended(slot, map.sink);
  CHECK(map.sink.records.at(2).outcome == store::Outcome::timed_out);
  CHECK(ended.report.failures.at(0).index == 2);
  CHECK(ended.report.left.suspects.empty());
  base::IntervalSet left;
  left.insert(ended.report.left.tasks);
  for (const std::uint64_t index : {0U, 1U, 3U})
    CHECK(left.contains(index) != map.sink.records.contains(index));
  CHECK(ended.report.tasks + left.size() == 4);
}

TEST_CASE("What a child has not started can be taken back") {
  Isolated map([](int x) {
    if (x == 0) std::this_thread::sleep_for(1h);
    return x;
  });
  const auto chunk = map.start({{0, 50}});
  await([&] { return chunk->started() == 1; });
  CHECK(chunk->take_back() == 25);
  chunk->revoke();
  CHECK(chunk->kept() == 1);
}

TEST_CASE("A chunk that has ended outlives its slot") {
  std::shared_ptr<Chunk> chunk;
  {
    Isolated map([](int x) { return x; });
    chunk = map.start({{0, 3}});
    map.finish();
  }
  chunk->revoke();
  CHECK(chunk->kept() == 3);
}

TEST_CASE("A crash ends the chunk: what is not recorded is left over, and who crashed is the suspect") {
  const base::Shared<std::atomic<int>> calls;  // of the task that crashes
  Isolated map([&](int x) {
    if (x == 20) std::this_thread::sleep_for(2ms);  // so that it is recorded with all before it
    if (x == 30 && ++*calls == 1) std::raise(SIGSEGV);
    return x;
  });
  Guard guard;
  LoneSlot slot(map.work, guard);
  slot.start(map.shared_chunk({{0, 10}}));
  const talk::Leftover left = next_ended(slot, map.sink).report.left;
  CHECK(left.tasks == base::Ranges{{3, 10}});
  CHECK(left.suspects == base::Ranges{{3, 4}});
  CHECK(left.failed.empty());
}

TEST_CASE("Several slots compute at the same time") {
  // Each task ends when all have begun.
  base::Shared<std::atomic<int>> begun;
  Isolated map(
      [&](int x) {
        ++*begun;
        while (*begun < 4) std::this_thread::sleep_for(1ms);
        return x;
      },
      4);
  for (std::uint64_t i = 0; i < 4; ++i) map.start({{i, i + 1}});
  CHECK(map.slots.all_busy());
  CHECK(map.finish().tasks == 4);
}

TEST_CASE("Large results come whole") {
  Isolated map([](int x) {
    return std::string(static_cast<std::size_t>(x) * 300'000, static_cast<char>('a' + x / 10));
  });
  map.start({{0, 8}});
  map.finish();
  for (std::uint64_t i = 0; i < 8; ++i)
    CHECK(result<std::string>(map.sink.records.at(i)) ==
          std::string(i * 3'000'000, static_cast<char>('a' + i)));
}

}  // namespace
}  // namespace tasker::execute::slots
