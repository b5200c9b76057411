#include "support/forked.hpp"
#include "support/isolated.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TASKER_ADDRESS_SANITIZER
#endif
#endif

namespace tasker::execute::slots {
namespace {

using namespace test;
using namespace std::chrono_literals;

TEST_CASE("A task that lasts too long is ended, with all that it has started") {
  const base::Shared<std::atomic<pid_t>> started;
  const base::Shared<std::atomic<bool>> deaf;
  Isolated map(
      [&](int x) {
        if (x == 10) *started = forked_sleeper();
        if (x == 20) *deaf = ::signal(SIGTERM, SIG_IGN) != SIG_ERR;  // it takes a SIGKILL
        if (x == 10 || x == 20) std::this_thread::sleep_for(1h);
        return x;
      },
      1, {.timeout = 2s});
  Guard guard;
  LoneSlot slot(map.work, guard);
  slot.start(map.shared_chunk({{0, 4}}));
  await([&] { return *started > 0; });
  auto now = Slot::Clock::now();
  slot.look(now);
  slot.look(now + 2s);
  await([&] { return !slot.hear_all(map.sink) && *deaf; });
  await([&] { return is_gone(*started); });
  now = Slot::Clock::now();
  for (const auto later : {0s, 2s, 4s}) slot.look(now + later);
  std::optional<ChunkReport> ended;
  await([&] { return (ended = slot.hear_all(map.sink)).has_value(); });
  CHECK(ended->tasks == 4);
  CHECK(ended->failed == 2);
  for (const std::uint64_t index : {1U, 2U}) {
    CHECK(map.sink.records.at(index).outcome == store::Outcome::timed_out);
    CHECK(map.sink.records.at(index).payload == "it lasted longer than its timeout of 2.0 s");
  }
  CHECK(result<int>(map.sink.records.at(3)) == 30);
}

TEST_CASE("A task is not to blame for the signal that was meant for one before it") {
  const base::Shared<std::array<std::atomic<int>, 2>> begun;
  const base::Shared<std::atomic<bool>> goes_on;
  Isolated map(
      [&](int x) {
        sigset_t term;
        ::sigemptyset(&term);
        ::sigaddset(&term, SIGTERM);
        if (x == 0) {
          ::sigprocmask(SIG_BLOCK, &term, nullptr);
          const bool again = (*begun)[0]++ > 0;
          for (sigset_t pending = {}; !again && ::sigismember(&pending, SIGTERM) == 0;)
            ::sigpending(&pending);
        } else {
          ++(*begun)[1];
          while (!*goes_on) std::this_thread::sleep_for(1ms);
          ::sigprocmask(SIG_UNBLOCK, &term, nullptr);
        }
        return x;
      },
      1, {.timeout = 1h});
  Guard guard;
  LoneSlot slot(map.work, guard);
  const auto start = Slot::Clock::now();
  slot.start(map.shared_chunk({{0, 2}}));
  await([&] { return (*begun)[0] == 1; });
  slot.look(start);
  slot.look(start + 2h);
  await([&] { return (*begun)[1] == 1; });
  slot.look(start + 2h);
  *goes_on = true;
  std::optional<ChunkReport> ended;
  await([&] { return (ended = slot.hear_all(map.sink)).has_value(); });
  CHECK(ended->failed == 0);
  CHECK(map.sink.records.size() == 2);
  CHECK((*begun)[1] == 2);
}

TEST_CASE("Each attempt may last as long as the timeout says") {
  const base::Shared<std::atomic<std::uint32_t>> begun;
  const base::Shared<std::atomic<std::uint32_t>> may_end;
  Isolated map(
      [&](int x, Context& context) {
        *begun = context.attempt();
        while (*may_end < context.attempt()) std::this_thread::sleep_for(1ms);
        if (context.attempt() == 1) throw std::runtime_error("no");
        return x;
      },
      1, {.retries = 1, .timeout = 1h});
  Guard guard;
  LoneSlot slot(map.work, guard);
  const auto start = Slot::Clock::now();
  slot.start(map.shared_chunk({{0, 1}}));
  await([&] { return *begun == 1; });
  slot.look(start);
  slot.look(start + 40min);
  *may_end = 1;
  await([&] { return !slot.hear_all(map.sink) && *begun == 2; });
  slot.look(start + 80min);
  *may_end = 2;
  std::optional<ChunkReport> ended;
  await([&] { return (ended = slot.hear_all(map.sink)).has_value(); });
  CHECK(ended->failed == 0);
  CHECK(map.sink.records.at(0).attempt == 2);
}

TEST_CASE("A task that saves its state again and again is ended, too") {
  Isolated map(
      [](int, Context& context) {
        for (;;) {
          context.save(std::string(1 << 16, 'x'));
          std::this_thread::sleep_for(10ms);
        }
        return 0;
      },
      1, {.timeout = 500ms});
  map.start({{0, 1}});
  CHECK(map.finish().failed == 1);
  CHECK(map.sink.records.at(0).outcome == store::Outcome::timed_out);
}

TEST_CASE("A task that has ended in time is not blamed for a rank that does not listen") {
  const auto size = GENERATE(std::size_t{1}, std::size_t{1} << 22);
  const bool saves = GENERATE(true, false);
  Isolated map(
      [&](int, Context& context) {
        if (saves) context.save(std::string(size, 'x'));
        return std::string(size, 'x');
      },
      1, {.timeout = 1h});
  Guard guard;
  LoneSlot slot(map.work, guard);
  const auto start = Slot::Clock::now();
  slot.start(map.shared_chunk({{0, 1}}));
  slot.look(start);
  // What is large waits until it is heard.
  await([&] {
    const std::string said = unheard(slot);
    return size > 1 ? !said.empty() : said.ends_with(piped(base::pack(Finished{})));
  });
  slot.look(start + 2h);
  slot.look(start + 4h);
  std::optional<ChunkReport> ended;
  await([&] { return (ended = slot.hear_all(map.sink)).has_value(); });
  CHECK(ended->failed == 0);
  CHECK(result<std::string>(map.sink.records.at(0)).size() == size);
}

#ifndef TASKER_ADDRESS_SANITIZER  // its own memory can't be limited
TEST_CASE("A task that takes too much memory fails alone, whether it minds or not") {
  Isolated map(
      [](int x) {
        // Untouched it counts as well, and takes no time.
        std::vector<std::unique_ptr<char[]>> all;
        const auto take = [&](std::size_t count) noexcept(false) {
          for (std::size_t i = 0; i < count; ++i)
            all.push_back(std::make_unique_for_overwrite<char[]>(1 << 20));
        };
        const auto take_for_granted = [&]() noexcept { take(1000); };
        if (x == 10) take(1000);
        if (x == 20) take_for_granted();
        if (x == 30) take(20);
        return static_cast<int>(all.size());
      },
      1, {.memory_limit = std::uint64_t{64} << 20});
  map.start({{0, 4}});
  CHECK(map.finish().failed == 2);
  for (const std::uint64_t index : {1U, 2U}) {
    CHECK(map.sink.records.at(index).outcome == store::Outcome::out_of_memory);
    CHECK(map.sink.records.at(index).payload == "it took more memory than its limit of 64 MiB");
  }
  CHECK(result<int>(map.sink.records.at(3)) == 20);
}

TEST_CASE("A limit beyond all memory is none") {
  Isolated map([](int x) { return std::string(10 << 20, 'x').size() + static_cast<std::size_t>(x); }, 1,
               {.memory_limit = UINT64_MAX});
  map.start({{0, 1}});
  CHECK(map.finish().failed == 0);
}

TEST_CASE("Tasks that leak, each within its limit, cost nobody anything") {
  Isolated map([](int x) { return ::operator new(10 << 20) ? x : 0; }, 1,
               {.memory_limit = std::uint64_t{64} << 20});
  map.start({{0, 40}});
  CHECK(map.finish().failed == 0);
  CHECK(map.sink.records.size() == 40);
}

TEST_CASE("Memory that a task could do without is not the cause of what happens later") {
  Isolated map(
      [](int x) {
        try {
          if (x < 100) std::string(std::size_t{1} << 30, 'x');
        } catch (const std::bad_alloc&) {
        }
        std::this_thread::sleep_for(2ms);
        if (x >= 100) std::raise(SIGSEGV);
        return x;
      },
      1, {.memory_limit = std::uint64_t{64} << 20});
  map.start({{0, 20}});
  CHECK(map.finish().failed == 10);
  for (std::uint64_t index = 10; index < 20; ++index)
    CHECK(map.sink.records.at(index).payload == "signal SIGSEGV");
}

#endif

TEST_CASE("What fails is tried again, with the number of the attempt, whatever it failed of") {
  // Tasks 0, 7, 14 … fail three times, in turn by exception and by crash.
  Isolated map(
      [](int x, Context& context) {
        const auto attempt = static_cast<int>(context.attempt());
        if (x % 70 == 0 && attempt < 4 && (x / 70 + attempt) % 2 == 0) throw std::runtime_error("no");
        if (x % 70 == 0 && attempt < 4) std::raise(SIGSEGV);
        return attempt;
      },
      1, {.retries = 3});
  map.start({{0, 100}}, {{7, 3}, {8, 9}});
  const ChunkReport report = map.finish();
  CHECK(report.tasks == 100);
  CHECK(report.failed == 0);
  for (std::uint64_t index = 0; index < 100; ++index) {
    INFO("task " << index);
    const KeptRecord& record = map.sink.records.at(index);
    CHECK(record.outcome == store::Outcome::done);
    CHECK(result<int>(record) == (index == 8 ? 9 : index % 7 == 0 ? 4 : 1));
    CHECK(record.attempt == static_cast<std::uint32_t>(result<int>(record)));
    CHECK(record.times == (index == 7 ? 2 : index % 7 == 0 ? 4 : 1));
  }
}

TEST_CASE("A task that throws Permanent in its own process is not tried again either") {
  Isolated map(
      [](int x) {
        if (x % 20 == 10) throw Permanent("the mesh is empty");
        return x;
      },
      1, {.retries = 3});
  map.start({{0, 100}});
  const ChunkReport report = map.finish();
  CHECK(report.tasks == 100);
  CHECK(report.failures == std::vector<TaskFailure>{{1, "tasker::Permanent: the mesh is empty", 50, ""}});
  CHECK(map.sink.records.at(99).times == 1);
  CHECK(map.sink.records.at(99).outcome == store::Outcome::permanent);
}

TEST_CASE("Tries end, and then the last failure counts") {
  Isolated map(
      [](int x, Context& context) {
        if (x == 10) throw std::runtime_error("try " + std::to_string(context.attempt()));
        if (x == 20) std::raise(SIGSEGV);
        return x;
      },
      1, {.retries = 2});
  map.start({{0, 4}});
  const ChunkReport report = map.finish();
  CHECK(report.tasks == 4);
  CHECK(report.failed == 2);
  CHECK(map.sink.records.at(1).payload == "std::runtime_error: try 3");
  CHECK(map.sink.records.at(1).times == 3);
  CHECK(map.sink.records.at(2).attempt == 3);
  CHECK(map.sink.records.at(2).times == 3);
}

}  // namespace
}  // namespace tasker::execute::slots
