#include "execute/run_chunk.hpp"

#include "support/chunks.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace tasker::execute {
namespace {

using namespace test;

/// A result that is half encoded when that fails.
struct Unwritable {
  int value = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value;
    if (Archive::is_saving::value) throw std::runtime_error("half-way");
  }
};

TEST_CASE("Every task of a chunk is called with its own argument, and recorded once before the chunk ends") {
  Map map([](int x) { return 2 * x; });
  const ChunkReport report = map.run({{0, 3}, {50, 52}, {99, 100}});
  CHECK(report.tasks == 6);
  CHECK(report.failed == 0);
  CHECK(report.failures.empty());
  CHECK(report.busy.count() > 0);
  REQUIRE(map.sink.records.size() == 6);
  for (const auto& [index, record] : map.sink.records) {
    INFO("task " << index);
    CHECK(record.outcome == store::Outcome::done);
    CHECK(record.times == 1);
    CHECK(result<int>(record) == static_cast<int>(20 * index));
    CHECK(detail::decode<int>(record.argument) == static_cast<int>(10 * index));
  }
}

TEST_CASE("A chunk without tasks, or one that was taken back, calls nothing and records nothing") {
  int calls = 0;
  Map map([&calls](int) { return ++calls; });
  CHECK(map.run(base::Ranges{}).tasks == 0);
  Chunk revoked = map.chunk({{0, 10}});
  revoked.revoke();
  CHECK(map.run(revoked).tasks == 0);
  CHECK(calls == 0);
  CHECK(map.sink.records.empty());
}

TEST_CASE("What is taken back while a task runs is not started") {
  Chunk* running = nullptr;
  Map map([&running](int x) {
    if (x == 20) CHECK(running->take_back() == 6);  // three are started, and three of the other seven stay
    return x;
  });
  Chunk chunk = map.chunk({{0, 10}});
  running = &chunk;
  CHECK(map.run(chunk).tasks == 6);
  CHECK(map.sink.records.size() == 6);
  CHECK(map.sink.records.rbegin()->first == 5);
}

TEST_CASE("An exception costs its task, and its type and text are kept") {
  struct Odd {};
  struct Silent : std::exception {
    const char* what() const noexcept override { return nullptr; }
  };
  const auto nested = [] {
    try {
      throw std::runtime_error("cannot open mesh.h5");
    } catch (...) {
      std::throw_with_nested(std::logic_error("step 7 failed"));
    }
  };
  Map map([&](int x) {
    switch (x / 10) {
      case 0: throw std::runtime_error("no such file");
      case 1: throw std::out_of_range("far away");
      case 2: throw 42;
      case 3: throw "a text";
      case 4: throw std::string("another");
      case 5: throw Odd{};
      case 6: throw UsageError("not here");
      case 7: throw Silent();
      case 8: nested(); [[fallthrough]];
      default: return x;
    }
  });
  const ChunkReport report = map.run({{0, 10}});
  CHECK(report.tasks == 10);
  CHECK(report.failed == 9);
  std::vector<std::string> why;
  for (const auto& [index, record] : map.sink.records) {
    CHECK(record.outcome == (index < 9 ? store::Outcome::failed : store::Outcome::done));
    if (record.outcome == store::Outcome::failed) why.push_back(record.payload);
  }
  REQUIRE(why.size() == 9);
  CHECK(why[0] == "std::runtime_error: no such file");
  CHECK(why[1] == "std::out_of_range: far away");
  CHECK(why[2] == "an exception of type int");
  CHECK(why[3] == "const char*: a text");
  CHECK(why[4] == "std::string: another");
  CHECK_THAT(why[5], Catch::Contains("Odd"));
  CHECK(why[6] == "tasker::UsageError: not here");
  CHECK_THAT(why[7], Catch::Contains("Silent: what() is null"));
  CHECK(why[8] == "std::logic_error: step 7 failed: std::runtime_error: cannot open mesh.h5");
  CHECK(result<int>(map.sink.records.at(9)) == 90);
}

TEST_CASE("A long message is recorded whole, and reported in short") {
  Map map([](int) -> int {
    std::string text(1000, 'x');
    while (text.size() < 5000) text += "ä";
    throw text;
  });
  Chunk chunk = map.chunk({{0, 1}});
  const ChunkReport report = map.run(chunk);
  REQUIRE(report.failures.size() == 1);
  const std::string& message = report.failures[0].message;
  CHECK(message.size() <= 4096);
  CHECK(message.size() > 4000);
  CHECK(message.ends_with("ä…"));
  CHECK(map.sink.records.at(0).payload.size() == 5000 + std::string("std::string: ").size());
}

TEST_CASE("Failures of equal cause are reported together") {
  Map map([](int x) -> int { throw std::runtime_error(x % 30 == 0 ? "a third" : "no third"); });
  const ChunkReport report = map.run({{20, 40}});
  CHECK(report.failed == 20);
  CHECK(report.failures == std::vector<TaskFailure>{{20, "std::runtime_error: no third", 13, ""},
                                                    {21, "std::runtime_error: a third", 7, ""}});
}

TEST_CASE("A task learns which attempt it is, and its record says so") {
  Map map([](int, Context& context) { return context.attempt(); });
  map.run({{0, 4}, {8, 10}}, {{1, 2}, {3, 7}, {5, 9}, {9, 3}});
  const std::map<std::uint64_t, std::uint32_t> expected = {{0, 1}, {1, 2}, {2, 1}, {3, 7}, {8, 1}, {9, 3}};
  REQUIRE(map.sink.records.size() == expected.size());
  for (const auto& [index, attempt] : expected) {
    INFO("task " << index);
    CHECK(map.sink.records.at(index).attempt == attempt);
    CHECK(result<std::uint32_t>(map.sink.records.at(index)) == attempt);
  }
}

TEST_CASE("What throws and may be tried again is recorded, left to rank 0, and holds up nobody") {
  Map map([](int x, Context& context) {
    if (x == 10 || x == 20 || x == 50) throw std::runtime_error("try " + std::to_string(context.attempt()));
    return context.attempt();
  });
  map.call.options.retries = 2;
  const ChunkReport report = map.run({{0, 6}}, {{2, 5, 1}, {5, 9, 2}});
  CHECK(report.left.failed == base::Ranges{{1, 3}});
  CHECK(report.left.tasks.empty());
  CHECK(report.tasks == 4);
  CHECK(report.failures == std::vector<TaskFailure>{{5, "std::runtime_error: try 9", 1, ""}});
  CHECK(map.sink.records.size() == 6);
  CHECK(map.sink.records.at(1).outcome == store::Outcome::failed);
  CHECK(map.sink.records.at(2).attempt == 5);
  for (const auto& [index, record] : map.sink.records) CHECK(record.times == 1);
}

TEST_CASE("What throws is tried again, as the next attempt, as often as it may") {
  Map map([](int x, Context& context) {
    if (x == 10 && context.attempt() < 3) throw std::runtime_error("not yet");
    if (x == 20) throw std::runtime_error("try " + std::to_string(context.attempt()));
    return context.attempt();
  });
  map.call.options.retries = 2;
  const ChunkReport report = map.run_again_and_again({{0, 4}}, {{2, 5, 0}});
  CHECK(report.tasks == 4);
  CHECK(report.failures == std::vector<TaskFailure>{{2, "std::runtime_error: try 7", 1, ""}});
  CHECK(result<std::uint32_t>(map.sink.records.at(1)) == 3);
  CHECK(map.sink.records.at(1).attempt == 3);
  CHECK(map.sink.records.at(1).times == 3);
  CHECK(map.sink.records.at(2).times == 3);
  CHECK(result<std::uint32_t>(map.sink.records.at(3)) == 1);
}

TEST_CASE("What throws Permanent, or what is derived from it, is not tried again, whatever is around it") {
  struct Mine : Permanent {
    using Permanent::Permanent;
  };
  Map map([](int x) {
    if (x == 10) throw Permanent("the mesh is empty");
    try {
      if (x == 20) throw Mine("here");
    } catch (...) {
      std::throw_with_nested(Permanent("there"));
    }
    return x;
  });
  map.call.options.retries = 5;
  const ChunkReport report = map.run({{0, 4}});
  CHECK(report.tasks == 4);
  CHECK(report.failures.size() == 2);
  CHECK(report.failures.at(0).message == "tasker::Permanent: the mesh is empty");
  for (const std::uint64_t index : {1U, 2U}) {
    CHECK(map.sink.records.at(index).outcome == store::Outcome::permanent);
    CHECK(map.sink.records.at(index).times == 1);
  }
  CHECK(map.sink.records.at(3).outcome == store::Outcome::done);
}

TEST_CASE("Tasks in another order than their indices have their attempts, too") {
  Map map([](int, Context& context) { return context.attempt(); });
  map.run({{5, 6}, {2, 4}}, {{3, 7, 0}, {5, 4, 0}});
  CHECK(map.sink.records.at(5).attempt == 4);
  CHECK(map.sink.records.at(2).attempt == 1);
  CHECK(map.sink.records.at(3).attempt == 7);
}

TEST_CASE("A task is bound to what it asked, and the next one is not") {
  Map map([](int x, Context& context) {
    std::uint64_t answer = 0;
    if (x == 10 || x == 30) answer += context.index();
    if (x == 20 || x == 30) answer += 1000 * context.task_count();
    return answer;
  });
  map.run({{0, 5}});
  const auto& records = map.sink.records;
  CHECK(records.at(0).binding == 0);
  CHECK(records.at(1).binding == store::bound_to_index);
  CHECK(records.at(2).binding == store::bound_to_count);
  CHECK(records.at(3).binding == (store::bound_to_index | store::bound_to_count));
  CHECK(records.at(4).binding == 0);
  CHECK(result<std::uint64_t>(records.at(3)) == 100'003);
}

TEST_CASE("Large results and tiny ones follow each other") {
  const auto size_of = [](int x) { return x % 20 == 0 ? std::size_t{20} << 20 : std::size_t{3}; };
  Map map([&](int x) { return std::string(size_of(x), static_cast<char>('a' + x / 10)); });
  map.run({{0, 4}});
  for (const auto& [index, record] : map.sink.records) {
    INFO("task " << index);
    const auto text = result<std::string>(record);
    CHECK(text.size() == size_of(static_cast<int>(10 * index)));
    CHECK(text.find_first_not_of(static_cast<char>('a' + index)) == std::string::npos);
  }
}

TEST_CASE("A result that can't be encoded to its end leaves nothing in its record but the failure") {
  Map map([](int x) { return Unwritable{x}; });
  CHECK(map.run({{0, 1}}).failed == 1);
  CHECK(map.sink.records.at(0).payload == "std::runtime_error: half-way");
}

TEST_CASE("Arguments that end too early end the chunk, not a task") {
  Map map([](int x) { return x; });
  Chunk short_of_arguments({1, {{0, 5}}}, map.chunk({{0, 3}}).arguments());
  CHECK_THROWS_AS(map.run(short_of_arguments), DamagedError);
}

TEST_CASE("When records can't be written the chunk ends: that is not a task's failure") {
  Map map([](int x) { return x; });
  map.sink.full = true;
  CHECK_THROWS_AS(map.run({{0, 10}}), SystemError);
}

TEST_CASE(
    "A task that stops when it is asked to is not recorded, and ends its chunk; unasked it has failed") {
  Horizon* horizon = nullptr;
  Map map([&horizon](int x, Context& context) {
    if (x == 30) horizon->stop();
    if (x >= 20 && (context.stop_requested() || x == 20)) throw Interrupted("at " + std::to_string(x));
    return x;
  });
  horizon = &map.horizon;
  const ChunkReport report = map.run({{1, 6}});
  CHECK(report.left.tasks == base::Ranges{{3, 6}});
  CHECK(report.tasks == 2);
  CHECK(report.failed == 1);
  CHECK(map.sink.records.size() == 2);
  CHECK(map.sink.records.at(2).outcome == store::Outcome::failed);
}

TEST_CASE("What has failed before all must stop is left over, and so is what was not executed") {
  Horizon* horizon = nullptr;
  Map map([&horizon](int x) {
    if (x == 20) horizon->stop();
    if (x == 10) throw std::runtime_error("no");
    return x;
  });
  horizon = &map.horizon;
  map.call.options.retries = 1;
  const ChunkReport report = map.run({{0, 6}});
  CHECK(report.tasks == 2);
  CHECK(report.left.failed == base::Ranges{{1, 2}});
  CHECK(report.left.tasks == base::Ranges{{3, 6}});
}

TEST_CASE("When all must stop, what runs is finished, and no further task of its chunk is started") {
  Horizon* horizon = nullptr;
  Map map([&horizon](int x) {
    if (x == 20) horizon->stop();
    return x;
  });
  horizon = &map.horizon;
  const ChunkReport report = map.run({{1, 6}});
  CHECK(report.left.tasks == base::Ranges{{3, 6}});
  CHECK(report.tasks == 2);
  CHECK(map.sink.records.size() == 2);
}

TEST_CASE("A task knows how much time is left") {
  std::vector<std::chrono::nanoseconds> left;
  bool stops = false;
  Map map([&](int, Context& context) {
    left.push_back(context.time_left());
    stops = context.stop_requested();
  });
  map.run({{0, 1}});
  CHECK(left.back() == std::chrono::nanoseconds::max());
  CHECK_FALSE(stops);
  map.horizon.set_time_left(std::chrono::hours(1));
  map.run({{0, 1}});
  CHECK(left.back() > std::chrono::minutes(59));
  CHECK(left.back() <= std::chrono::hours(1));
  CHECK_FALSE(stops);
  map.horizon.set_time_left(std::chrono::seconds(-1));
  map.run({{0, 1}});
  CHECK(left.back() < std::chrono::seconds(0));
  CHECK(stops);
  map.horizon.set_time_left(std::chrono::nanoseconds::max());
  CHECK_FALSE(map.horizon.stop_requested());
}

TEST_CASE("A state that is saved is loaded by the next attempt, of the same task and type") {
  std::vector<std::optional<int>> loaded;
  Map map([&](int x, Context& context) {
    CHECK_FALSE(context.load<std::string>());
    loaded.push_back(context.load<int>());
    if (loaded.back().value_or(0) == 2) return x;
    context.save(loaded.back().value_or(0) + 1);
    throw std::runtime_error("half-way");
  });
  map.call.options.retries = 2;
  const ChunkReport report = map.run_again_and_again({{3, 5}});
  CHECK(report.failed == 0);
  const std::vector<std::optional<int>> by_turns{std::nullopt, std::nullopt, 1, 1, 2, 2};
  CHECK(loaded == by_turns);
  REQUIRE(map.sink.saved.size() == 4);
  CHECK(map.sink.saved[0].index == 3);
  CHECK(map.sink.saved[3].index == 4);
}

TEST_CASE("A state that can't be saved ends the chunk, whatever fn makes of it") {
  Map map([](int x, Context& context) {
    try {
      context.save(x);
    } catch (const std::exception&) {
      // It goes on.
    }
    return x;
  });
  map.sink.full = true;
  CHECK_THROWS_AS(map.run({{0, 3}}), SystemError);
}

TEST_CASE("Of a message that is very long the begin is told, and all of it is recorded") {
  const std::string message = "the solver said: " + std::string(std::size_t{17} << 20, '.');
  Map map([&](int) -> int { throw std::runtime_error(message); });
  const ChunkReport report = map.run({{0, 2}});
  REQUIRE(report.failures.size() == 1);
  const auto& [first, cause, count, lines] = report.failures.front();
  CHECK(count == 2);
  CHECK(cause.starts_with("std::runtime_error: the solver said: ..."));
  CHECK(map.sink.records.at(1).payload == "std::runtime_error: " + message);
}

TEST_CASE("What has ended of a chunk can be recorded from within fn") {
  std::size_t recorded = 0;
  std::optional<std::uint64_t> task;
  RecordSink* sink = nullptr;
  Map map([&](int x) {
    if (x == 30) {
      task = keep_what_has_ended();
      recorded = sink->records.size();
    }
    return x;
  });
  sink = &map.sink;
  CHECK(keep_what_has_ended() == std::nullopt);
  CHECK(map.run({{0, 5}}).tasks == 5);
  CHECK(task == 3);
  CHECK(recorded == 3);
  CHECK(map.sink.records.size() == 5);
  CHECK(keep_what_has_ended() == std::nullopt);
}

}  // namespace
}  // namespace tasker::execute
