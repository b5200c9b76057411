#include "execute/run_chunk.hpp"
#include "support/chunks.hpp"

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace tasker::execute {
namespace {

using namespace test;

constexpr std::uint64_t tiny_tasks = 20'000;
/// A task so far behind the first one is in the middle of a batch.
constexpr std::uint64_t in_middle = 5000;

/// Tiny tasks. `fn` is called with the index.
template <class Fn>
struct Tiny : Map<Fn> {
  explicit Tiny(Fn fn) : Map<Fn>(std::move(fn)) {
    this->args.resize(tiny_tasks);
    for (std::uint64_t i = 0; i < tiny_tasks; ++i) this->args[i] = static_cast<int>(i);
  }
};

bool is_special(int index, int which) { return index % 1000 == which; }

TEST_CASE("Each of many tiny tasks is recorded as what it is, whatever those beside it are") {
  Tiny map([](int i, Context& context) {
    if (is_special(i, 500) && context.attempt() == 1) throw std::runtime_error("not yet");
    if (is_special(i, 510)) throw std::runtime_error("never");
    if (is_special(i, 600)) context.index();
    if (is_special(i, 610)) context.task_count();
    if (is_special(i, 700)) context.save(i);
    if (is_special(i, 701) && context.load<int>()) throw std::logic_error("the state of another task");
    return std::to_string(100'000 + i) + (is_special(i, 800) ? " is longer" : "");
  });
  map.call.options.retries = 1;
  const ChunkReport report = map.run_again_and_again({{0, 7000}, {8000, tiny_tasks}});
  CHECK(report.tasks == tiny_tasks - 1000);
  CHECK(report.failed == (tiny_tasks - 1000) / 1000);
  CHECK(map.sink.saved.size() == report.failed);
  REQUIRE(map.sink.records.size() == report.tasks);
  for (const auto& [index, record] : map.sink.records) {
    const int i = static_cast<int>(index);
    INFO("task " << i);
    const bool fails = is_special(i, 510);
    const bool again = fails || is_special(i, 500);
    REQUIRE(record.outcome == (fails ? store::Outcome::failed : store::Outcome::done));
    REQUIRE(record.attempt == (again ? 2 : 1));
    REQUIRE(record.times == (again ? 2 : 1));
    REQUIRE(record.binding == (is_special(i, 600)   ? store::bound_to_index
                               : is_special(i, 610) ? store::bound_to_count
                                                    : 0));
    REQUIRE(detail::decode<int>(record.argument) == i);
    if (!fails)
      REQUIRE(result<std::string>(record) ==
              std::to_string(100'000 + i) + (is_special(i, 800) ? " is longer" : ""));
  }
}

TEST_CASE("A task that lasts is recorded at its end, however tiny those before it were") {
  RecordSink* sink = nullptr;
  std::size_t recorded = 0;
  Tiny map([&](int i) {
    const auto begun = Recorder::Clock::now();
    if (i == in_middle)
      while (Recorder::Clock::now() < begun + std::chrono::milliseconds(25)) {  // longer than any tick
      }
    if (i == in_middle + 1) recorded = sink->records.size();
    return i;
  });
  sink = &map.sink;
  map.run({{0, tiny_tasks}});
  CHECK(recorded == in_middle + 1);
}

TEST_CASE("Between tiny tasks, too, what is taken back is not started") {
  Chunk* running = nullptr;
  std::uint64_t kept = 0;
  Tiny map([&](int i) {
    if (i == in_middle) kept = running->take_back();
    return i;
  });
  Chunk chunk = map.chunk({{0, tiny_tasks}});
  running = &chunk;
  CHECK(map.run(chunk).tasks == kept);
  CHECK(kept == in_middle + 1 + (tiny_tasks - in_middle - 1) / 2);
  CHECK(map.sink.records.size() == kept);
}

TEST_CASE("Between tiny tasks, too, none is started when all must stop") {
  Horizon* horizon = nullptr;
  Tiny map([&](int i) {
    if (i == in_middle) horizon->stop();
    return i;
  });
  horizon = &map.horizon;
  const ChunkReport report = map.run({{0, tiny_tasks}});
  CHECK(report.tasks == in_middle + 1);
  CHECK(report.left.tasks == base::Ranges{{in_middle + 1, tiny_tasks}});
  CHECK(map.sink.records.size() == in_middle + 1);
}

TEST_CASE("What has ended of a batch can be recorded from within fn") {
  RecordSink* sink = nullptr;
  std::optional<std::uint64_t> task;
  std::size_t recorded = 0;
  Tiny map([&](int i) {
    if (i == in_middle) {
      task = keep_what_has_ended();
      recorded = sink->records.size();
    }
    return i;
  });
  sink = &map.sink;
  map.run({{0, tiny_tasks}});
  CHECK(task == in_middle);
  CHECK(recorded == in_middle);
  REQUIRE(map.sink.records.size() == tiny_tasks);
  for (const auto& [index, record] : map.sink.records) {
    REQUIRE(record.times == 1);
    REQUIRE(result<int>(record) == static_cast<int>(index));
  }
}

TEST_CASE("Large results behind tiny ones fill no memory") {
  const std::string large(20'000, 'x');
  Tiny map([&](int i) { return i < static_cast<int>(in_middle) ? std::string() : large; });
  CHECK(map.run({{0, in_middle + 100}}).tasks == in_middle + 100);
  CHECK(map.sink.largest < 200'000);
  CHECK(result<std::string>(map.sink.records.at(in_middle + 99)) == large);
}

TEST_CASE("A copy that is forked in a batch calls none of its other tasks") {
  void* const shared =
      ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  auto* const calls = new (shared) std::atomic<int>(0);
  std::vector<pid_t> copies;
  Tiny map([&](int i) {
    ++*calls;
    if (is_special(i, 500) && i > 15'000) copies.push_back(::fork());
    return i;
  });
  map.run({{0, tiny_tasks}});
  REQUIRE(copies.size() == 5);
  for (const pid_t copy : copies) {
    int status = 0;
    REQUIRE(::waitpid(copy, &status, 0) == copy);
    CHECK(WIFEXITED(status));
  }
  CHECK(*calls == tiny_tasks);
  ::munmap(shared, sizeof(std::atomic<int>));
}

TEST_CASE("Arguments that end in the middle of a batch end the chunk there") {
  Tiny map([](int i) { return i; });
  Chunk short_of_arguments({1, {{0, tiny_tasks}}}, map.chunk({{0, in_middle}}).arguments());
  CHECK_THROWS_AS(map.run(short_of_arguments), DamagedError);
  CHECK(map.sink.records.size() <= in_middle);
}

TEST_CASE("A batch that memory ends has recorded what ended before") {
  Tiny map([](int i) {
    if (i == in_middle) throw std::bad_alloc();
    return i;
  });
  map.call.options.memory_limit = 1;
  CHECK_THROWS_AS(map.run({{0, tiny_tasks}}), std::bad_alloc);
  CHECK(map.sink.records.size() == in_middle);
}

}  // namespace
}  // namespace tasker::execute
