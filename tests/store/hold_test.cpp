#include "store/hold.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/names.hpp"
#include "store/ghosts.hpp"
#include "store/manifest_json.hpp"
#include "store/paths.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Catch::Contains;
using test::TemporaryDirectory;

constexpr Hold::Timing quick{5ms, 50ms};
/// Nobody has to wait that long: whoever does makes its test fail by taking forever.
constexpr Hold::Timing patient{5ms, 1h};

const base::ProcessId elsewhere{"node7", "another boot", 42, 1};

base::ProcessId dead() {
  base::ProcessId process = base::this_process();
  ++process.started;
  return process;
}

std::string holder_text(const std::string& run, const base::ProcessId& process, std::uint64_t beat,
                        bool holds, std::int64_t ghosts) {
  return seal({{"run", run},
               {"job", "4711"},
               {"host", process.host},
               {"boot", process.boot},
               {"pid", process.pid},
               {"started", process.started},
               {"ghosts", ghosts},
               {"gate", ""},
               {"beat", beat},
               {"holds", holds}});
}

/// What another process's fence looks like.
void write_fence(const fs::path& directory, const std::string& run, const base::ProcessId& process,
                 std::uint64_t beat = 0, bool holds = true, std::int64_t ghosts = 0) {
  const fs::path fence = fence_path(directory, run);
  fs::create_directory(fence);
  base::atomic_replace(holder_path(fence), holder_text(run, process, beat, holds, ghosts), false);
}

bool is_held_by(const fs::path& directory, const std::string& run) {
  return list_fences(directory) == std::vector<std::string>{run};
}

/// Whether it is in time; also for threads beside that of the test, which may not assert.
bool comes(const std::function<bool()>& true_now) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!true_now()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

void wait_until(const std::function<bool()>& true_now) { REQUIRE(comes(true_now)); }

TEST_CASE("A hold is there while its object lives, and goes with it") {
  const TemporaryDirectory home;
  {
    const Hold hold(home.path(), {"run", ""}, patient);
    CHECK(is_held_by(home.path(), "run"));
    CHECK(hold.fence().stands());
    CHECK_FALSE(hold.lost());
  }
  CHECK(test::everything_in(home.path()).empty());
  const Hold again(home.path(), {"next", ""}, patient);
  CHECK(is_held_by(home.path(), "next"));
}

TEST_CASE("A second run is told who holds the directory, and touches nothing") {
  const TemporaryDirectory home;
  const Hold hold(home.path(), {"run", "4711"}, {1h, 1h});
  const auto before = test::everything_in(home.path());
  const base::ProcessId self = base::this_process();
  for (const std::string second : {"a lower name", "the second"}) {
    try {
      const Hold held_twice(home.path(), {second, ""}, patient);
      FAIL("held twice");
    } catch (const Interrupted& error) {
      CHECK(error.exit_code() == exit_interrupted);
      CHECK_THAT(error.what(), Contains(home.path().string()) && Contains(self.host) &&
                                   Contains("process " + std::to_string(self.pid)) && Contains("job 4711"));
    }
  }
  CHECK(test::everything_in(home.path()) == before);
  CHECK_FALSE(hold.lost());
}

TEST_CASE("A holder that was killed on this host is seen at once, also while it is a zombie") {
  const TemporaryDirectory home;
  const pid_t child = ::fork();
  if (child == 0) {
    const Hold hold(home.path(), {"killed", ""}, {1h, 1h});
    test::write_file(hold.fence().unfinished(unfinished_archive), "half of it");
    test::write_file(home.path() / "held", "");
    for (;;) ::pause();
  }
  wait_until([&] { return fs::exists(home.path() / "held"); });
  CHECK_THROWS_AS(Hold(home.path(), {"next", ""}, patient), Interrupted);
  ::kill(child, SIGKILL);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  {
    const Hold hold(home.path(), {"next", ""}, patient);
    CHECK(is_held_by(home.path(), "next"));
  }
  ::waitpid(child, nullptr, 0);
  CHECK(test::everything_in(home.path()).size() == 1);
}

TEST_CASE("A holder on another host is dead when no beat comes for as long as the watcher waits") {
  const TemporaryDirectory home;
  write_fence(home.path(), "far", elsewhere);
  const auto begin = std::chrono::steady_clock::now();
  const Hold hold(home.path(), {"next", ""}, quick);
  CHECK(std::chrono::steady_clock::now() - begin >= quick.patience);
  CHECK(is_held_by(home.path(), "next"));
}

/// A run on another host, alive.
class Far {
 public:
  Far(const fs::path& directory, const std::string& run, bool holds)
      : thread_([=](const std::stop_token& stop) {
          for (std::uint64_t beat = 1; !stop.stop_requested(); ++beat) {
            try {
              base::atomic_replace(holder_path(fence_path(directory, run)),
                                   holder_text(run, elsewhere, beat, holds, 0), false);
            } catch (const SystemError&) {
              return;
            }
            std::this_thread::sleep_for(1ms);
          }
        }) {}

 private:
  std::jthread thread_;
};

TEST_CASE("A holder on another host lives while it beats") {
  const TemporaryDirectory home;
  write_fence(home.path(), "far", elsewhere);
  {
    const Far far(home.path(), "far", true);
    CHECK_THROWS_WITH(Hold(home.path(), {"next", ""}, patient),
                      Contains("node7") && Contains("process 42") && Contains("job 4711"));
  }
  CHECK(is_held_by(home.path(), "far"));
}

TEST_CASE("A hold that is given back while somebody watches it is free") {
  const TemporaryDirectory home;
  write_fence(home.path(), "far", elsewhere);
  std::jthread far([&] {
    comes([&] { return fs::exists(fence_path(home.path(), "next")); });
    remove_fence(fence_path(home.path(), "far"));
  });
  const Hold hold(home.path(), {"next", ""}, patient);
  CHECK(is_held_by(home.path(), "next"));
}

TEST_CASE("Of two that want a directory at the same time the one with the lower name goes on") {
  const TemporaryDirectory home;
  write_fence(home.path(), "m", elsewhere, 0, false);
  const Far other(home.path(), "m", false);
  CHECK_THROWS_AS(Hold(home.path(), {"n", ""}, patient), Interrupted);
  std::jthread gives_up([&] {
    comes([&] { return fs::exists(fence_path(home.path(), "l")); });
    comes([&] {
      std::error_code again;
      fs::remove_all(fence_path(home.path(), "m"), again);
      return !again;
    });
  });
  const Hold hold(home.path(), {"l", ""}, patient);
  CHECK(is_held_by(home.path(), "l"));
}

TEST_CASE("One that neither takes the directory nor gives up is waited for with patience, not for ever") {
  const TemporaryDirectory home;
  write_fence(home.path(), "stopped", base::this_process(), 0, false);
  CHECK_THROWS_WITH(Hold(home.path(), {"next", ""}, quick), Contains("is held by another run"));
  CHECK(is_held_by(home.path(), "stopped"));
}

TEST_CASE(
    "A holder cut short or with a flipped bit is watched, then taken over, never believed to be another") {
  const TemporaryDirectory home;
  const std::string bytes = holder_text("run", base::this_process(), 3, true, 0);
  constexpr Hold::Timing instant{1h, 0ms};
  const auto check = [&](const std::string& damaged) {
    const fs::path fence = fence_path(home.path(), "run");
    fs::create_directory(fence);
    test::write_file(holder_path(fence), damaged);
    try {
      const Hold hold(home.path(), {"next", ""}, instant);
      REQUIRE(is_held_by(home.path(), "next"));
    } catch (const Interrupted& error) {
      // Where the damage changes nothing, this process holds it.
      REQUIRE_THAT(error.what(), Contains("process " + std::to_string(::getpid())) && Contains("job 4711"));
    }
  };
  for (std::uint64_t size = 0; size < bytes.size(); ++size) check(bytes.substr(0, size));
  for (std::uint64_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    check(flipped);
  }
  check("[]");
  check(seal({{"run", 7}}));
  fs::create_directory(fence_path(home.path(), "run"));
  test::write_file(holder_path(fence_path(home.path(), "run")), std::string(1 << 17, 'x'));
  CHECK_THROWS_AS(Hold(home.path(), {"next", ""}, instant), SystemError);
}

TEST_CASE("Of many that want a dead run's directory, one gets it, and the others hear of it") {
  for (int round = 0; round < 200; ++round) {
    const TemporaryDirectory home;
    write_fence(home.path(), "dead", dead());
    std::atomic<int> held = 0;
    std::atomic<int> refused = 0;
    constexpr int watchers = 4;
    std::vector<std::jthread> threads;
    for (int i = 0; i < watchers; ++i)
      threads.emplace_back([&, i] {
        try {
          const Hold hold(home.path(), {"run" + std::to_string(i), ""}, {1h, 1h});
          ++held;
          while (held + refused < watchers) std::this_thread::sleep_for(1ms);
        } catch (const Interrupted&) {
          ++refused;
        }
      });
    threads.clear();
    CHECK(held == 1);
    CHECK(refused == watchers - 1);
    CHECK(test::everything_in(home.path()).empty());
  }
}

TEST_CASE("A fence that somebody began to remove, and died, is in nobody's way") {
  const TemporaryDirectory home;
  fs::create_directory(fence_path(home.path(), "dead"));
  test::write_file(fence_path(home.path(), "dead") / "archive.unfinished", "half of it");
  {
    const Hold next(home.path(), {"next", ""}, patient);
    CHECK(is_held_by(home.path(), "next"));
  }
  CHECK(test::everything_in(home.path()).empty());
}

TEST_CASE("A run that lost its fence knows it, can do nothing any more, and leaves the other's alone") {
  const TemporaryDirectory home;
  {
    const Hold slow(home.path(), {"slow", ""}, quick);
    const fs::path mine = home.path() / "mine";
    test::write_file(mine, "journal");
    test::write_file(slow.fence().unfinished("archive"), "all of it");
    remove_fence(slow.fence().path());
    write_fence(home.path(), "other", elsewhere);
    const auto before = test::everything_in(home.path());
    CHECK_THROWS_WITH(slow.fence().require(), Contains("was taken over by another run"));
    CHECK_THROWS_AS(slow.fence().publish("archive", home.path() / "words"), Interrupted);
    CHECK_THROWS_AS(slow.fence().publish_new("archive", home.path() / "words"), Interrupted);
    CHECK_THROWS_AS(slow.fence().replace(home.path() / "words", "text"), Interrupted);
    CHECK_THROWS_AS(slow.fence().remove(mine), Interrupted);
    wait_until([&] { return slow.lost(); });
    CHECK(test::everything_in(home.path()) == before);
  }
  CHECK(is_held_by(home.path(), "other"));
}

TEST_CASE("A run whose directory was removed knows that, too") {
  const TemporaryDirectory home;
  fs::create_directory(home.path() / "d");
  const Hold hold(home.path() / "d", {"run", ""}, quick);
  // A beat may put a file there meanwhile.
  wait_until([&] {
    std::error_code again;
    fs::remove_all(home.path() / "d", again);
    return !again;
  });
  wait_until([&] { return hold.lost(); });
  CHECK_THROWS_WITH(hold.fence().require(), Contains("has been removed"));
}

TEST_CASE("A hold that beats goes on holding") {
  const TemporaryDirectory home;
  const Hold hold(home.path(), {"run", ""}, {1ms, 1h});
  const fs::path holder = holder_path(hold.fence().path());
  const std::string first = test::read_file(holder);
  wait_until([&] { return test::read_file(holder) != first; });
  CHECK_FALSE(hold.lost());
}

TEST_CASE("The directory goes with its end, but not when somebody has come meanwhile") {
  const TemporaryDirectory home;
  const fs::path directory = home.path() / "d";
  fs::create_directory(directory);
  Hold(directory, {"run", ""}, patient).end_directory();
  CHECK_FALSE(fs::exists(directory));
  fs::create_directory(directory);
  Hold hold(directory, {"run", ""}, patient);
  write_fence(directory, "next", elsewhere);
  hold.end_directory();
  CHECK(is_held_by(directory, "next"));
}

TEST_CASE("Ranks of a run that ends before them may write for as long as it says") {
  const TemporaryDirectory home;
  {
    Hold hold(home.path(), {base::to_hex(std::uint64_t{7}), ""}, patient);
    hold.leave_ghosts(1h);
  }
  CHECK(list_fences(home.path()).empty());
  CHECK(Ghosts(home.path()).may_write({1, 7, 0}));
  CHECK(Ghosts(home.path()).gone() > base::Clock::now() + 59min);
}

TEST_CASE("Ranks of a dead run may write for as long as it had said, counted from when it is taken over") {
  const TemporaryDirectory home;
  write_fence(home.path(), base::to_hex(std::uint64_t{7}), dead(), 0, true, 3'600'000);
  write_fence(home.path(), base::to_hex(std::uint64_t{8}), dead(), 0, true, 0);
  const auto before = base::Clock::now();
  for (int run = 0; run < 3; ++run) {
    const Hold hold(home.path(), {"run", ""}, patient);
    const Ghosts ghosts(home.path());
    CHECK(ghosts.gone() >= before + 1h);
    CHECK(ghosts.may_write({1, 7, 0}));
    CHECK_FALSE(ghosts.may_write({1, 7, 0}, ghosts.gone()));
    CHECK_FALSE(ghosts.may_write({1, 8, 0}));
    CHECK_FALSE(ghosts.may_write({1, 9, 0}));
    if (run == 2) ghosts.forget(hold.fence());
  }
  CHECK(test::everything_in(home.path()).empty());
  // What is damaged says at least that there may be some; one that never held the directory has none.
  fs::create_directory(fence_path(home.path(), base::to_hex(std::uint64_t{8})));
  test::write_file(holder_path(fence_path(home.path(), base::to_hex(std::uint64_t{8}))), "damaged");
  write_fence(home.path(), base::to_hex(std::uint64_t{9}), dead(), 0, false, 3'600'000);
  { const Hold hold(home.path(), {"run", ""}, quick); }
  CHECK(list_ghosts(home.path()) == std::vector<std::string>{base::to_hex(std::uint64_t{8})});
  CHECK(Ghosts(home.path()).may_write({1, 8, 0}));
  test::write_file(ghosts_path(home.path(), base::to_hex(std::uint64_t{7})), "damaged");
  CHECK(Ghosts(home.path()).may_write({1, 7, 0}));
}

TEST_CASE("Where a fence should be, what can never be one is an error, and not tried for ever") {
  const TemporaryDirectory home;
  test::write_file(fence_path(home.path(), "file"), "");
  CHECK_THROWS_AS(Hold(home.path(), {"run", ""}, quick), SystemError);
  fs::remove(fence_path(home.path(), "file"));
  // A link leads nowhere: what it names stays.
  fs::create_directory(home.path() / "precious");
  test::write_file(home.path() / "precious" / "thesis", "irreplaceable");
  fs::create_directory_symlink("precious", fence_path(home.path(), "link"));
  CHECK_THROWS_WITH(Hold(home.path(), {"run", ""}, quick), Contains("is a symbolic link"));
  CHECK(test::read_file(home.path() / "precious" / "thesis") == "irreplaceable");
}

}  // namespace
}  // namespace tasker::store
