#include "execute/recorder.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>
#include <vector>

namespace tasker::execute {
namespace {

using namespace std::chrono_literals;
using Clock = Recorder::Clock;

/// Keeps the frames that it is given.
class MemorySink final : public FrameSink {
 public:
  struct Kept {
    std::string bytes;
    bool borrowed;
    store::Frame frame() const { return *store::Frame::at(bytes); }
    store::FrameInfo info() const { return frame().info(); }
  };

  void write(const store::FrameParts& frame) override {
    if (full) throw SystemError("No space left on device");
    frames.push_back({store::to_bytes(frame, 0), !frame.values[3].empty()});
    records += frames.back().info().together;
  }
  /// Those of all frames, in order.
  std::vector<store::Record> all() const {
    std::vector<store::Record> all;
    for (const Kept& kept : frames)
      for (std::uint32_t i = 0; i < kept.frame().records(); ++i) all.push_back(kept.frame()[i]);
    return all;
  }
  void sync() override {}

  std::vector<Kept> frames;
  std::uint64_t records = 0;
  bool full = false;
};

struct Fixture {
  store::Fingerprinter fingerprint{detail::MapCall{}};
  MemorySink sink;
  Recorder recorder{sink, fingerprint, true};

  void end(std::string_view argument = "argument", std::string_view payload = "result") {
    store::Record record;
    record.index = next++;
    record.outcome = store::Outcome::done;
    record.argument = argument;
    record.payload = payload;
    recorder.end(record);
  }
  void task(std::string_view argument = "argument", std::string_view payload = "result") {
    recorder.begin();
    end(argument, payload);
  }
  std::uint64_t unwritten() const { return next - sink.records; }

  std::uint64_t next = 0;
};

void work_until(Clock::time_point end) {
  while (Clock::now() < end) {
  }
}

TEST_CASE_METHOD(Fixture, "A task of a millisecond or more is written at once") {
  for (int i = 0; i < 3; ++i) {
    recorder.begin();
    work_until(Clock::now() + 1ms);
    end();
    CHECK(unwritten() == 0);
  }
  CHECK(sink.frames.size() == 3);
}

TEST_CASE_METHOD(Fixture, "What is not written never stands for more than a millisecond of work") {
  Clock::time_point first_begun;
  for (int i = 0; i < 2000; ++i) {
    recorder.begin();
    // Not before the recorder's own clock began, and not after it looks again.
    if (unwritten() == 0) first_begun = Clock::now();
    work_until(Clock::now() + std::chrono::microseconds(i % 10 == 0 ? 0 : i % 300));
    const auto ended = Clock::now();
    end();
    if (ended - first_begun >= 1ms) REQUIRE(unwritten() == 0);
  }
  recorder.flush();
  CHECK(unwritten() == 0);
}

TEST_CASE_METHOD(Fixture, "A task that lasts is written when it ends, however tiny those before it were") {
  for (int round = 0; round < 20; ++round) {
    const auto begun = Clock::now();
    while (Clock::now() < begun + 500us) task("", "");
    recorder.begin();
    work_until(Clock::now() + 25ms);  // longer than any tick
    end();
    REQUIRE(unwritten() == 0);
  }
}

TEST_CASE_METHOD(Fixture, "Short tasks share a frame: none is written before a millisecond has passed") {
  constexpr std::uint64_t tasks = 5000;
  for (std::uint64_t i = 0; i < tasks; ++i) task("", "");
  for (const auto& frame : sink.frames) CHECK(frame.info().duration >= 1'000'000);
  recorder.flush();
  CHECK(sink.records == tasks);
}

TEST_CASE_METHOD(Fixture, "Records hold what the task left behind") {
  recorder.begin();
  store::Record left;
  left.index = 1'000'000'000'000;
  left.outcome = store::Outcome::failed;
  left.binding = store::bound_to_count;
  left.attempt = 3;
  left.argument = "the argument";
  left.payload = "why";
  recorder.end(left);
  task("", "");
  recorder.flush();
  const auto all = sink.all();
  REQUIRE(all.size() == 2);
  CHECK(all[0].index == left.index);
  CHECK(all[0].outcome == store::Outcome::failed);
  CHECK(all[0].binding == store::bound_to_count);
  CHECK(all[0].attempt == 3);
  CHECK(all[0].argument == "the argument");
  CHECK(all[0].payload == "why");
  CHECK(all[1].index == 0);
  CHECK(all[1].argument.empty());
  CHECK(all[1].payload.empty());
}

TEST_CASE_METHOD(Fixture, "Without arguments to keep, their fingerprints are kept") {
  Recorder forgetful(sink, fingerprint, false);
  forgetful.begin();
  store::Record record;
  record.outcome = store::Outcome::done;
  record.argument = "the argument";
  forgetful.end(record);
  forgetful.flush();
  const auto all = sink.all();
  REQUIRE(all.size() == 1);
  CHECK(all[0].argument.empty());
  CHECK(all[0].fingerprint == fingerprint("the argument"));
}

TEST_CASE_METHOD(Fixture, "A large result is written at once, from where it is, with what waits before it") {
  const std::string large(1 << 20, 'x');
  task("a", "small");
  task("b", large);
  CHECK(unwritten() == 0);
  CHECK(sink.frames.back().borrowed);
  const auto all = sink.all();
  REQUIRE(all.size() == 2);
  CHECK(all[0].payload == "small");
  CHECK(all[1].payload == large);
}

TEST_CASE_METHOD(Fixture, "Many results of medium size are written before they fill the memory") {
  const std::string medium(60'000, 'x');
  for (int i = 0; i < 100; ++i) {
    task("", medium);
    REQUIRE(unwritten() * medium.size() <= 1 << 16);
  }
}

TEST_CASE_METHOD(Fixture, "After many tiny tasks some may end before the next is recorded") {
  constexpr std::uint64_t tasks = 5000;
  std::string values;
  for (std::uint64_t i = 0; i < tasks; ++i) detail::put(values, i);
  const auto values_of = [&](std::uint64_t first, std::uint64_t count) {
    store::Record record;
    record.index = first;
    record.outcome = store::Outcome::done;
    record.argument = record.payload = std::string_view(values).substr(8 * first, 8 * count);
    return record;
  };
  std::uint32_t most = 0;
  while (next < tasks) {
    recorder.begin();
    const auto before = std::min<std::uint64_t>(recorder.most_before(), tasks - next - 1);
    if (before > 0) recorder.add_before(values_of(next, before), static_cast<std::uint32_t>(before));
    recorder.end(values_of(next + before, 1));
    next += before + 1;
    most = std::max(most, static_cast<std::uint32_t>(before));
  }
  recorder.flush();
  CHECK(most > 8);
  const auto all = sink.all();
  REQUIRE(all.size() == tasks);
  for (std::uint64_t i = 0; i < tasks; ++i) {
    REQUIRE(all[i].index == i);
    REQUIRE(detail::Reader(all[i].argument).number<std::uint64_t>() == i);
    REQUIRE(detail::Reader(all[i].payload).number<std::uint64_t>() == i);
  }
}

TEST_CASE_METHOD(Fixture, "A frame has room for payloads up to its size") {
  recorder.begin();
  CHECK(recorder.has_room(1 << 16));
  CHECK_FALSE(recorder.has_room((1 << 16) + 1));
  const std::string medium(10'000, 'x');
  for (int i = 0; i < 20; ++i) {
    task("", medium);
    const std::size_t room = (1 << 16) - unwritten() * medium.size();
    REQUIRE(recorder.has_room(room));
    REQUIRE_FALSE(recorder.has_room(room + 1));
  }
}

TEST_CASE_METHOD(Fixture, "A frame tells how long its tasks took") {
  recorder.begin();
  timespec cpu_begin{};
  timespec cpu_end{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu_begin);
  const auto begun = Clock::now();
  work_until(begun + 2ms);
  const auto ended = Clock::now();
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu_end);
  end();
  task();
  recorder.flush();
  const auto cpu = 1'000'000'000 * (cpu_end.tv_sec - cpu_begin.tv_sec) + cpu_end.tv_nsec - cpu_begin.tv_nsec;
  const store::FrameInfo first = sink.frames.at(0).info();
  CHECK(first.duration >= static_cast<std::uint64_t>(std::chrono::nanoseconds(ended - begun).count()));
  CHECK(first.cpu_time >= static_cast<std::uint64_t>(cpu));
  CHECK(first.memory > 0);
}

TEST_CASE_METHOD(Fixture, "A flush with nothing to write writes nothing") {
  recorder.flush();
  task();
  recorder.flush();
  recorder.flush();
  CHECK(sink.frames.size() == 1);
}

TEST_CASE_METHOD(Fixture, "Time between a flush and the next task is nobody's") {
  task();
  recorder.flush();
  work_until(Clock::now() + 1ms);
  const auto begun = Clock::now();
  task();
  recorder.flush();
  const auto most = std::chrono::nanoseconds(Clock::now() - begun).count();
  CHECK(sink.frames.at(1).info().duration <= static_cast<std::uint64_t>(most));
}

TEST_CASE_METHOD(Fixture, "When records can't be written, whoever records learns why") {
  sink.full = true;
  recorder.begin();
  work_until(Clock::now() + 1ms);
  CHECK_THROWS_AS(end(), SystemError);
}

}  // namespace
}  // namespace tasker::execute
