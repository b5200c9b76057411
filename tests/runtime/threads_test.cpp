#include "runtime/map.hpp"
#include "support/slurm_job.hpp"
#include "support/store_fixture.hpp"
#include "support/thread_comm.hpp"
#include "talk/messages.hpp"

#include <tasker/detail/make_call.hpp>
#include <tasker/results.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

// Whole maps whose ranks are threads. Their own two threads each are as real as ever, so ThreadSanitizer sees
// all that they share (scripts/test runs these under it); MPI, which it can't see into, is left out.
namespace tasker::runtime {
namespace {

using namespace std::chrono_literals;

std::vector<int> numbers(int n) {
  std::vector<int> all;
  for (int i = 0; i < n; ++i) all.push_back(i);
  return all;
}

/// Lasts a little; a few last longer, so that some ranks run dry while others have work.
int uneven(int x) {
  const auto end = std::chrono::steady_clock::now() + (x % 97 == 96 ? 3ms : 20us);
  while (std::chrono::steady_clock::now() < end) continue;
  return 3 * x;
}

/// The map on all ranks; what each of them has thrown, or null.
template <class Fn>
std::vector<std::exception_ptr> map(test::ThreadNetwork& network, const std::filesystem::path& file, Fn fn,
                                    const std::vector<int>& arguments, Options options = {},
                                    cluster::Allocation allocation = cluster::Allocation()) {
  options.progress = Progress::off;
  const auto drain = base::CaughtSignal::usr1();
  const int size = network.comm(0).size();
  std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(size));
  Authors authors;
  std::atomic<int> worker_count = 0;
  bool leads = false;
  const auto take_part = [&](int rank) {
    const auto call = detail::make_call(file, fn, arguments, options);
    base::KeptThread thread("talk");
    talk::Peers peers(rank == 0 && size > 1 ? &network.comm(0) : nullptr);
    std::optional<execute::Desk> desk(std::in_place);
    Root root{peers,        thread, desk, authors, allocation, *drain, {}, base::this_process(),
              worker_count, leads};
    try {
      if (rank == 0)
        map_on_root(root, call, 1);
      else
        map_on_worker(network.comm(rank), thread, *desk, call, 1);
    } catch (...) {
      thrown[static_cast<std::size_t>(rank)] = std::current_exception();
    }
  };
  std::vector<std::jthread> workers;
  for (int rank = 1; rank < size; ++rank) workers.emplace_back(take_part, rank);
  take_part(0);
  workers.clear();
  return thrown;
}

template <class E>
void check_all_threw(const std::vector<std::exception_ptr>& thrown) {
  for (const auto& exception : thrown) {
    REQUIRE(exception);
    CHECK_THROWS_AS(std::rethrow_exception(exception), E);
  }
}

void check_none_threw(const std::vector<std::exception_ptr>& thrown) {
  for (const auto& exception : thrown)
    if (exception) std::rethrow_exception(exception);
}

TEST_CASE("Threads: what is taken back from a rank that computes is computed once, by another") {
  constexpr int size = 3000, waiting = 1500;
  std::atomic<int> asked = 0;
  // Again where nothing lay behind the task that waits: its rank was not asked then.
  while (asked == 0) {
    const test::TemporaryDirectory home;
    test::ThreadNetwork network(4, [&](int to, talk::Envelope& envelope) {
      if (to == 0 && talk::kind_of(envelope.bytes) == talk::kind<talk::Kept>) ++asked;
    });
    std::vector<std::atomic<int>> calls(size);
    std::atomic<int> called = 0;
    const auto fn = [&](int x) {
      ++calls[static_cast<std::size_t>(x)];
      ++called;
      const auto deadline = std::chrono::steady_clock::now() + 60s;
      while (x == waiting && called < size) {
        if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("nothing is taken back");
        std::this_thread::sleep_for(1ms);
      }
      return uneven(x);
    };
    check_none_threw(map(network, home.path() / "a.dat", fn, numbers(size)));
    const auto results = load<int>(home.path() / "a.dat");
    REQUIRE(results.size() == size);
    for (int i = 0; i < size; ++i) {
      if (results[static_cast<std::uint64_t>(i)] != 3 * i) FAIL("result " << i);
      if (calls[static_cast<std::size_t>(i)] != 1) FAIL("calls of task " << i);
    }
  }
}

TEST_CASE("Threads: a map that a failed task stops ends on all ranks alike") {
  const test::TemporaryDirectory home;
  test::ThreadNetwork network(4);
  Options options;
  options.on_failure = OnFailure::stop;
  const auto fn = [](int x) { return x == 700 ? throw std::runtime_error("no") : uneven(x); };
  check_all_threw<TasksFailed>(map(network, home.path() / "a.dat", fn, numbers(3000), options));
}

TEST_CASE(
    "Threads: a map stops when so many tasks have failed as may, and says so, even if holes are allowed") {
  const test::TemporaryDirectory home;
  test::ThreadNetwork network(3);
  Options options;
  options.on_failure = GENERATE(OnFailure::finish, OnFailure::keep);
  options.max_failed = 4;
  std::atomic<int> calls = 0;
  const auto fn = [&](int x) {
    ++calls;
    return x % 10 == 9 ? throw std::runtime_error("no") : uneven(x);
  };
  for (const auto& thrown : map(network, home.path() / "a.dat", fn, numbers(100'000), options)) {
    REQUIRE(thrown);
    try {
      std::rethrow_exception(thrown);
    } catch (const TasksFailed& failed) {
      CHECK(failed.failed() >= 4);
      CHECK_THAT(failed.what(),
                 Catch::Contains(" of 100000 tasks failed, at which the map stops (max_failed); ") &&
                     Catch::Contains(" tasks are left\n"));
    }
  }
  CHECK(calls < 100'000);
  CHECK_FALSE(std::filesystem::exists(home.path() / "a.dat"));
}

TEST_CASE("Threads: a signal in the middle drains, and the next run computes what is left") {
  const test::TemporaryDirectory home;
  const auto file = home.path() / "a.dat";
  std::atomic<int> calls = 0;
  const auto fn = [&](int x) {
    if (++calls == 300) ::raise(SIGUSR1);
    return uneven(x);
  };
  {
    test::ThreadNetwork network(3);
    check_all_threw<Interrupted>(map(network, file, fn, numbers(5000)));
  }
  const int before = calls;
  CHECK(before < 5000);
  test::ThreadNetwork network(3);
  check_none_threw(map(network, file, fn, numbers(5000)));
  CHECK(calls == 5000);
}

TEST_CASE("Threads: that a job's time was changed reaches the tasks that run") {
  const int ranks = GENERATE(1, 2);
  const test::TemporaryDirectory home;
  const test::SlurmJob job;
  job.squeue("echo '1:00:00|1:00:00'");
  std::chrono::nanoseconds before{0};
  const auto fn = [&](int, Context& context) {
    before = context.time_left();
    job.squeue("echo '9:00:00|9:00:00'");
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (context.time_left() < 8h && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(1ms);
    return context.time_left() > 8h;
  };
  test::ThreadNetwork network(ranks);
  cluster::Allocation allocation({30s, 30s, 1ms});
  check_none_threw(map(network, home.path() / "a.dat", fn, {1}, {}, std::move(allocation)));
  CHECK(before > 50min);
  CHECK(before < 1h);
  CHECK(load<bool>(home.path() / "a.dat")[0]);
}

TEST_CASE("Threads: a rank that does not close its journal is not waited for when the time is up") {
  const test::TemporaryDirectory home;
  const test::SlurmJob job;
  job.squeue("echo '0:06|0:06'");
  std::atomic<std::uint64_t> chunk = 0;
  test::ThreadNetwork network(3, [&](int, talk::Envelope& envelope) {
    if (talk::kind_of(envelope.bytes) == talk::kind<talk::Done>)
      chunk = talk::unpack<talk::Done>(envelope.bytes).chunk;
    // An answer to a question that nobody has asked says nothing.
    if (talk::kind_of(envelope.bytes) == talk::kind<talk::Closed> && envelope.source == 1)
      envelope.bytes = talk::pack(talk::Kept{chunk, 0});
  });
  check_none_threw(map(
      network, home.path() / "a.dat", [](int x) { return 3 * x; }, numbers(100)));
  CHECK(load<int>(home.path() / "a.dat")[99] == 297);
}

TEST_CASE("Threads: records that rank 0 writes for others wait for credit and lose nothing") {
  const test::TemporaryDirectory home;
  std::atomic<int> recorded = 0;
  test::ThreadNetwork network(3, [&](int, talk::Envelope& envelope) {
    const auto kind = talk::kind_of(envelope.bytes);
    if (kind == talk::kind<talk::Recorded>) ++recorded;
    if (kind != talk::kind<talk::Start>) return;
    auto start = talk::unpack<talk::Start>(envelope.bytes);
    start.directory = "/nowhere";  // the workers are on other hosts
    envelope.bytes = talk::pack(start);
  });
  const auto fn = [](int x) {
    return std::string(static_cast<std::size_t>(1) << 20, static_cast<char>('a' + x % 26));
  };
  check_none_threw(map(network, home.path() / "a.dat", fn, numbers(60)));
  CHECK(recorded > 0);
  const auto results = load<std::string>(home.path() / "a.dat");
  for (int i = 0; i < 60; ++i)
    if (results[static_cast<std::uint64_t>(i)] != fn(i)) FAIL("result " << i);
}

}  // namespace
}  // namespace tasker::runtime
