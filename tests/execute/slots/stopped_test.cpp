#include "support/forked.hpp"
#include "support/isolated.hpp"
#include "support/slot_page.hpp"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>

// A rank goes on, whatever state its slots' children are in.
namespace tasker::execute::slots {
namespace {

using namespace test;
using namespace std::chrono_literals;

void await_stop(pid_t pid) {
  await([&] { return state_of(pid) == 'T'; });
}

/// Hears until so many chunks have ended.
template <class Fn>
void finish_some(Isolated<Fn>& map, std::size_t count) {
  await([&] {
    const auto watched = map.slots.watched();
    ::poll(watched.data(), watched.size(), 10);
    map.slots.look();
    count -= map.slots.hear(map.sink).size();
    return count == 0;
  });
}

TEST_CASE("A task that overwrites what its output passes through holds nobody up") {
  const int byte = GENERATE(0, 1);
  Isolated map(
      [byte](int x) {
        std::cout << "task " << x << std::endl;
        if (x == 10) std::memset(static_cast<void*>(&slot_page().output), byte, sizeof(OutputPage));
        std::cout << "and more" << std::endl;
        return x;
      },
      2, {.capture = Capture::all});
  map.start({{0, 3}});
  map.start({{3, 4}});
  CHECK(map.finish().tasks == 4);
  CHECK(store::decode_output(map.sink.records.at(2).output)->out == "task 20\nand more\n");
}

TEST_CASE("A child that is stopped while it takes its output stops nobody else, and goes on when it may") {
  const base::Shared<std::atomic<pid_t>> child;
  Isolated map(
      [&](int x) {
        if (x > 0) return x;
        *child = ::getpid();
        slot_page().output.taker = Taker::child;
        std::cout << "said before" << std::endl;
        std::raise(SIGSTOP);
        return x;
      },
      2, {.capture = Capture::all});
  map.start({{0, 1}});
  await([&] { return *child > 0; });
  await_stop(*child);
  map.start({{1, 2}});
  finish_some(map, 1);
  CHECK(map.slots.longest_pause() > 1ms);  // it does not spin
  ::kill(*child, SIGCONT);
  CHECK(map.finish().tasks == 1);
  CHECK(store::decode_output(map.sink.records.at(0).output)->out == "said before\n");
}

/// So many that an order with them is larger than any socket's buffer.
Attempts large() {
  Attempts many;
  for (std::uint64_t i = 0; i < 100'000; ++i) many.push_back({i, 1, 0});
  return many;
}

TEST_CASE("An order that a stopped child does not read holds nobody up") {
  const base::Shared<std::atomic<pid_t>> child;
  Isolated map(
      [&](int x) {
        if (x == 0) *child = ::getpid();
        return x;
      },
      2);
  map.start({{0, 1}});
  CHECK(map.finish().tasks == 1);
  ::kill(*child, SIGSTOP);
  await_stop(*child);
  map.start({{1, 2}}, large());
  map.start({{2, 3}}, large());
  finish_some(map, 1);
  CHECK(map.sink.records.contains(2));
  ::kill(*child, SIGCONT);
  CHECK(map.finish().tasks == 1);
}

TEST_CASE("A task that closes all that its process has open fails, and its rank does not spin") {
  Isolated map(
      [](int x) {
        if (x == 10) {
          ::closefrom(3);
          std::this_thread::sleep_for(1h);
        }
        return x;
      },
      1);
  Guard guard;
  LoneSlot slot(map.work, guard);
  slot.start(map.shared_chunk({{1, 2}}));
  // Of the pipe there is nothing to poll for any more once it is known to be closed.
  std::vector<pollfd> watched;
  await([&] {
    CHECK_FALSE(slot.hear_all(map.sink));
    watched.clear();
    slot.watch(watched);
    return watched[0].fd < 0;
  });
  CHECK(slot.longest_pause() > 0s);
  slot.look(Slot::Clock::now() + 1s);
  std::optional<ChunkReport> ended;
  await([&] { return (ended = slot.hear_all(map.sink)).has_value(); });
  CHECK(ended->failed == 1);
  CHECK(map.sink.records.at(1).payload == "it closed its connection to its rank");
}

TEST_CASE("A task that has left its process group ends in time, too") {
  Isolated map(
      [](int x) {
        if (x == 10) {
          ::setpgid(0, ::getpgid(::getppid()));
          std::this_thread::sleep_for(1h);
        }
        return x;
      },
      1, {.timeout = 100ms});
  map.start({{1, 2}});
  CHECK(map.finish().failed == 1);
  CHECK(map.sink.records.at(1).outcome == store::Outcome::timed_out);
}

TEST_CASE("A child that a debugger holds on to is not waited for") {
  const base::Shared<std::atomic<pid_t>> debugger;
  const base::Shared<std::atomic<bool>> holds;
  Isolated map([&](int x) {
    if (x != 10) return x;
    const pid_t task = ::getpid();
    ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    if (const pid_t pid = ::fork(); pid > 0) {
      while (!*holds) std::this_thread::sleep_for(1ms);
      ::_exit(3);
    }
    ::setsid();  // it leaves the group that ends with the task
    *debugger = ::getpid();
    if (::ptrace(PTRACE_SEIZE, task, nullptr, nullptr) != 0) ::_exit(1);
    *holds = true;
    ::alarm(120);
    for (;;) ::pause();
  });
  map.start({{1, 2}});
  CHECK(map.finish().failed == 1);
  map.start({{2, 3}});
  CHECK(map.finish().failed == 0);
  CHECK_THAT(map.sink.records.at(1).payload, Catch::StartsWith("it ended its process; how is not known"));
  CHECK(result<int>(map.sink.records.at(2)) == 20);
  ::kill(*debugger, SIGKILL);
}

TEST_CASE("A task that stops itself is ended when its time is over, whatever it says") {
  const bool says_it_waits = GENERATE(false, true);
  const base::Shared<std::atomic<pid_t>> child;
  Isolated map(
      [&](int x) {
        if (x > 0) return x;
        slot_page().waiting = says_it_waits;
        *child = ::getpid();
        std::raise(SIGSTOP);
        return x;
      },
      1, {.timeout = 1h});
  Guard guard;
  LoneSlot slot(map.work, guard);
  const auto start = Slot::Clock::now();
  slot.start(map.shared_chunk({{0, 2}}));
  await([&] { return *child > 0; });
  await_stop(*child);
  slot.look(start);
  slot.look(start + 2h);
  slot.look(start + 3h);
  std::optional<ChunkReport> ended;
  await([&] { return (ended = slot.hear_all(map.sink)).has_value(); });
  CHECK(ended->tasks == 2);
  CHECK(map.sink.records.at(0).outcome == store::Outcome::timed_out);
  CHECK(map.sink.records.at(1).outcome == store::Outcome::done);
}

TEST_CASE("A child that is stopped before it starts a task is ended, and blames none") {
  const bool reads_half = GENERATE(false, true);
  const base::Shared<std::atomic<pid_t>> child;
  Isolated map(
      [&](int x) {
        *child = ::getpid();
        return x;
      },
      1, {.timeout = 1h});
  Guard guard;
  LoneSlot slot(map.work, guard);
  const auto start = Slot::Clock::now();
  slot.start(map.shared_chunk({{0, 1}}));
  await([&] { return slot.hear_all(map.sink).has_value(); });
  ::kill(*child, SIGSTOP);
  await_stop(*child);
  slot.start(map.shared_chunk({{1, 2}}, reads_half ? large() : Attempts{}));
  slot.look(start + 1h);
  slot.look(start + 3h);
  std::optional<ChunkReport> ended;
  await([&] { return (ended = slot.hear_all(map.sink)).has_value(); });
  CHECK(ended->failed == 0);
  CHECK(map.sink.records.at(1).outcome == store::Outcome::done);
}

}  // namespace
}  // namespace tasker::execute::slots
