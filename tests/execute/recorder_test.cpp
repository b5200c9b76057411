#include "execute/recorder.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

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
  struct Frame {
    store::FrameInfo info;
    std::string body;
    bool in_two_parts;
  };

  void write(const store::FrameInfo& info, std::string_view head, std::string_view tail) override {
    if (full) throw SystemError("No space left on device");
    frames.push_back({info, std::string(head) + std::string(tail), !tail.empty()});
    records += info.records;
  }
  void sync() override {}

  std::vector<Frame> frames;
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

TEST_CASE_METHOD(Fixture, "Short tasks share a frame: none is written before a millisecond has passed") {
  constexpr std::uint64_t tasks = 5000;
  for (std::uint64_t i = 0; i < tasks; ++i) task("", "");
  for (const auto& frame : sink.frames) CHECK(frame.info.duration >= 1'000'000);
  recorder.flush();
  CHECK(sink.records == tasks);
}

TEST_CASE_METHOD(Fixture, "Records hold what the task left behind, with the argument's fingerprint") {
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
  std::string body;
  for (const auto& frame : sink.frames) body += frame.body;
  store::RecordReader reader(body);
  const auto first = reader.next();
  REQUIRE(first);
  CHECK(first->index == left.index);
  CHECK(first->fingerprint == fingerprint("the argument"));
  CHECK(first->outcome == store::Outcome::failed);
  CHECK(first->binding == store::bound_to_count);
  CHECK(first->attempt == 3);
  CHECK(first->argument == "the argument");
  CHECK(first->payload == "why");
  const auto second = reader.next();
  REQUIRE(second);
  CHECK(second->fingerprint == fingerprint(""));
  CHECK(second->payload.empty());
  CHECK_FALSE(reader.next());
}

TEST_CASE_METHOD(Fixture, "Without arguments to keep, their fingerprints are kept") {
  Recorder forgetful(sink, fingerprint, false);
  forgetful.begin();
  store::Record record;
  record.outcome = store::Outcome::done;
  record.argument = "the argument";
  forgetful.end(record);
  forgetful.flush();
  store::RecordReader reader(sink.frames.at(0).body);
  const auto read = reader.next();
  REQUIRE(read);
  CHECK(read->argument.empty());
  CHECK(read->fingerprint == fingerprint("the argument"));
}

TEST_CASE_METHOD(Fixture, "A large result is written at once, from where it is, with what waits before it") {
  const std::string large(1 << 20, 'x');
  task("a", "small");
  task("b", large);
  CHECK(unwritten() == 0);
  CHECK(sink.frames.back().in_two_parts);
  std::string body;
  for (const auto& frame : sink.frames) body += frame.body;
  store::RecordReader reader(body);
  CHECK(reader.next()->payload == "small");
  CHECK(reader.next()->payload == large);
  CHECK_FALSE(reader.next());
}

TEST_CASE_METHOD(Fixture, "Many results of medium size are written before they fill the memory") {
  const std::string medium(60'000, 'x');
  for (int i = 0; i < 100; ++i) {
    task("", medium);
    REQUIRE(unwritten() * medium.size() <= 1 << 18);
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
  const store::FrameInfo& first = sink.frames.at(0).info;
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
  CHECK(sink.frames.at(1).info.duration <= static_cast<std::uint64_t>(most));
}

TEST_CASE_METHOD(Fixture, "When records can't be written, whoever records learns why") {
  sink.full = true;
  recorder.begin();
  work_until(Clock::now() + 1ms);
  CHECK_THROWS_AS(end(), SystemError);
}

}  // namespace
}  // namespace tasker::execute
