#include "support/forked.hpp"
#include "support/isolated.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace tasker::execute::slots {
namespace {

using namespace test;
using namespace std::chrono_literals;

Output output_of(const KeptRecord& record) { return store::decode_output(record.output).value_or(Output{}); }

/// Fn in a slot that keeps all output.
template <class Fn>
Isolated<Fn> captured(Fn fn, Options options = {}) {
  options.capture = Capture::all;
  return Isolated<Fn>(std::move(fn), 1, options);
}

TEST_CASE("What a task writes, by whatever means, is recorded with it and with no other") {
  auto map = captured([](int x) {
    std::printf("printf %d", x);
    std::cout << " cout " << x;
    std::cerr << "cerr " << x;
    std::clog << " clog " << x;
    (void)!::write(STDERR_FILENO, " write", 6);
    if (x % 20 == 0) (void)!std::system(("echo program " + std::to_string(x)).c_str());
    if (x % 30 == 0) (void)!std::system("echo its error >&2");
    return x;
  });
  map.start({{0, 20}});
  CHECK(map.finish().failed == 0);
  for (std::uint64_t index = 0; index < 20; ++index) {
    INFO("task " << index);
    const std::string x = std::to_string(10 * index);
    const Output output = output_of(map.sink.records.at(index));
    std::string out = "printf " + x + " cout " + x;
    if (index % 2 == 0) out += "program " + x + "\n";
    CHECK(output.out == out);
    CHECK(output.err == "cerr " + x + " clog " + x + " write" + (index % 3 == 0 ? "its error\n" : ""));
  }
}

TEST_CASE("Streams with buffers of their own are flushed when a task ends") {
  auto map = captured([](int x) {
    std::ios::sync_with_stdio(false);
    std::printf("printf %d", x);
    std::clog << "clog " << x;
    return x;
  });
  map.start({{0, 3}});
  CHECK(map.finish().failed == 0);
  for (std::uint64_t index = 0; index < 3; ++index) {
    const std::string x = std::to_string(10 * index);
    CHECK(output_of(map.sink.records.at(index)).out == "printf " + x);
    CHECK(output_of(map.sink.records.at(index)).err == "clog " + x);
  }
}

TEST_CASE("A task that writes nothing has no output, whatever its neighbours write") {
  auto map = captured([](int x) {
    if (x == 10) std::cout << "ten" << std::endl;
    return x;
  });
  map.start({{0, 3}});
  map.finish();
  CHECK(map.sink.records.at(0).output.empty());
  CHECK(output_of(map.sink.records.at(1)).out == "ten\n");
  CHECK(map.sink.records.at(2).output.empty());
}

TEST_CASE("Output is kept as the option says") {
  const auto [capture, of_success, of_failure] = GENERATE(table<Capture, std::string, std::string>(
      {{Capture::failures, "", "said"}, {Capture::all, "said", "said"}}));
  Isolated map(
      [](int x) {
        std::cout << "said" << std::flush;
        if (x == 10) throw std::runtime_error("no");
        if (x == 20) std::raise(SIGSEGV);
        return x;
      },
      1, {.capture = capture});
  map.start({{0, 4}});
  CHECK(map.finish().failed == 2);
  CHECK(output_of(map.sink.records.at(0)).out == of_success);
  CHECK(output_of(map.sink.records.at(1)).out == of_failure);
  CHECK(output_of(map.sink.records.at(2)).out == of_failure);
  CHECK(output_of(map.sink.records.at(3)).out == of_success);
}

TEST_CASE("Output that is not captured goes where that of the rank goes") {
  std::cout.flush();
  const int before = ::dup(STDOUT_FILENO);
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  ::dup2(pipe[1], STDOUT_FILENO);
  {
    Isolated map(
        [](int x) {
          std::printf("task %d\n", x);
          std::fflush(stdout);
          return x;
        },
        1, {.capture = Capture::none});
    map.start({{0, 2}});
    map.finish();
    CHECK(map.sink.records.at(0).output.empty());
  }
  ::dup2(before, STDOUT_FILENO);
  ::close(before);
  char bytes[100];
  const auto got = ::read(pipe[0], bytes, sizeof bytes);
  ::close(pipe[0]);
  ::close(pipe[1]);
  CHECK(std::string(bytes, static_cast<std::size_t>(std::max<ssize_t>(got, 0))) == "task 0\ntask 10\n");
}

TEST_CASE("A crash and an exit keep what was said before, up to the last line") {
  Isolated map([](int x) {
    std::printf("task %d\nand half a line", x);
    (void)!::write(STDERR_FILENO, "in trouble", 10);  // cerr would flush the other one
    if (x == 10) std::raise(SIGSEGV);
    if (x == 20) std::exit(3);
    if (x == 30) std::system("echo a program; kill -9 $PPID");
    return x;
  });
  map.start({{0, 5}});
  const ChunkReport report = map.finish();
  CHECK(report.failed == 3);
  for (const std::uint64_t index : {1U, 2U, 3U}) {
    INFO("task " << index);
    const Output output = output_of(map.sink.records.at(index));
    CHECK_THAT(output.out, Catch::StartsWith("task " + std::to_string(10 * index) + "\n"));
    if (index == 2) CHECK_THAT(output.out, Catch::EndsWith("\nand half a line"));
    if (index == 3) CHECK_THAT(output.out, Catch::EndsWith("a program\n"));
    CHECK(output.err == "in trouble");
  }
  CHECK(map.sink.records.at(0).output.empty());
  CHECK(map.sink.records.at(4).output.empty());
  CHECK(report.failures.front() == TaskFailure{1, "signal SIGSEGV", 1, "in trouble"});
}

TEST_CASE("A task that lasts too long keeps what it said") {
  const base::Shared<std::atomic<bool>> said;
  Isolated map(
      [&](int) {
        std::printf("it waits\n");
        *said = true;
        std::this_thread::sleep_for(1h);
        return 0;
      },
      1, {.timeout = 1h});
  Guard guard;
  LoneSlot slot(map.work, guard);
  const auto start = Slot::Clock::now();
  slot.start(map.shared_chunk({{0, 1}}));
  await([&] { return said->load(); });
  slot.look(start);
  slot.look(start + 2h);
  await([&] { return slot.hear_all(map.sink).has_value(); });
  CHECK(map.sink.records.at(0).outcome == store::Outcome::timed_out);
  CHECK(output_of(map.sink.records.at(0)).out == "it waits\n");
}

TEST_CASE("Tasks that are executed again after a crash say it once") {
  // All within a millisecond, so that many are not recorded yet when one crashes.
  auto map = captured([](int x) {
    std::cout << "task " << x << std::endl;
    if (x % 70 == 0) std::raise(SIGSEGV);
    return x;
  });
  map.start({{0, 100}});
  CHECK(map.finish().failed == 15);
  for (std::uint64_t index = 0; index < 100; ++index)
    CHECK(output_of(map.sink.records.at(index)).out == "task " + std::to_string(10 * index) + "\n");
}

TEST_CASE("Each attempt has its own output") {
  Isolated map(
      [](int x, Context& context) {
        std::cerr << "attempt " << context.attempt();
        if (context.attempt() == 1) throw std::runtime_error("no");
        if (context.attempt() == 2) std::raise(SIGSEGV);
        if (x == 10) throw std::runtime_error("never");
        return x;
      },
      1, {.retries = 2, .capture = Capture::all});
  map.start({{0, 3}});
  const ChunkReport report = map.finish();
  for (const std::uint64_t index : {0U, 1U, 2U})
    CHECK(output_of(map.sink.records.at(index)).err == "attempt 3");
  CHECK(report.failures == std::vector<TaskFailure>{{1, "std::runtime_error: never", 1, "attempt 3"}});
}

/// The numbers from `first` on, each in eight bytes.
std::string numbers(std::uint64_t first, std::uint64_t last) {
  std::string text;
  for (std::uint64_t i = first; i < last; ++i) {
    char line[9];
    std::snprintf(line, sizeof line, "%07u\n", static_cast<unsigned>(i));
    text += line;
  }
  return text;
}

TEST_CASE("Of much output the begin and the end are kept, and how much is left out is said") {
  // Larger than any pipe, on both streams at once, and again by the next task.
  constexpr std::uint64_t lines = 1'250'000;
  auto map = captured([](int x) {
    if (x == 20) return 0;
    const std::string text = numbers(0, lines);
    for (std::size_t at = 0; at < text.size(); at += 100'000) {
      std::cout << text.substr(at, 100'000) << std::flush;
      if (x == 0) std::cerr << text.substr(at, 100'000);
    }
    return x;
  });
  map.start({{0, 3}});
  CHECK(map.finish().failed == 0);
  const std::string kept = numbers(0, 4096) + "\n[tasker: " + std::to_string(8 * lines - 65536) +
                           " bytes left out]\n" + numbers(lines - 4096, lines);
  CHECK((output_of(map.sink.records.at(0)).out == kept));
  CHECK((output_of(map.sink.records.at(0)).err == kept));
  CHECK((output_of(map.sink.records.at(1)).out == kept));
  CHECK(output_of(map.sink.records.at(1)).err.empty());
  CHECK(map.sink.records.at(2).output.empty());
}

TEST_CASE("A program that a dead task left behind does not write into later tasks' output") {
  enum Step { has_left, may_write, has_written };
  const base::Shared<std::array<std::atomic<bool>, 3>> done;
  const auto wait_for = [&](Step step) {
    while (!(*done)[step]) std::this_thread::sleep_for(1ms);
  };
  auto map = captured([&](int x) {
    if (x == 0) {
      if (::fork() == 0) {
        ::setsid();  // it leaves the group that ends with the task
        (*done)[has_left] = true;
        wait_for(may_write);
        ::signal(SIGPIPE, SIG_IGN);
        (void)!::write(STDOUT_FILENO, "from the past", 13);
        (*done)[has_written] = true;
        ::_exit(0);
      }
      wait_for(has_left);
      std::raise(SIGSEGV);
    }
    (*done)[may_write] = true;
    wait_for(has_written);
    std::cout << "task " << x;
    return x;
  });
  map.start({{0, 2}});
  CHECK(map.finish().failed == 1);
  CHECK(output_of(map.sink.records.at(1)).out == "task 10");
}

TEST_CASE("A task that closes its streams costs nobody else's output") {
  auto map = captured([](int x) {
    if (x == 10) ::close(STDERR_FILENO);
    if (x == 20) std::fprintf(stderr, "lost");
    std::cout << "task " << x;
    return x;
  });
  map.start({{0, 4}});
  CHECK(map.finish().failed == 0);
  for (std::uint64_t index = 0; index < 4; ++index)
    CHECK(output_of(map.sink.records.at(index)).out == "task " + std::to_string(10 * index));
}

TEST_CASE("Several slots don't mix what their tasks write") {
  Isolated map(
      [](int x) {
        for (int i = 0; i < 2000; ++i) std::printf("task %d\n", x);
        return x;
      },
      4, {.capture = Capture::all});
  for (std::uint64_t i = 0; i < 4; ++i) map.start({{i, i + 1}});
  map.finish();
  for (std::uint64_t index = 0; index < 4; ++index) {
    const std::string line = "task " + std::to_string(10 * index) + "\n";
    std::string all;
    for (int i = 0; i < 2000; ++i) all += line;
    CHECK((output_of(map.sink.records.at(index)).out == all));
  }
}

}  // namespace
}  // namespace tasker::execute::slots
