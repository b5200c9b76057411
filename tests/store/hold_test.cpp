#include "store/hold.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "store/manifest_json.hpp"
#include "store/paths.hpp"
#include "support/root.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
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

void write_hold(const fs::path& directory, const std::string& run, const base::ProcessId& process,
                std::uint64_t beat = 0) {
  base::atomic_replace(hold_path(directory),
                       seal({{"run", run},
                             {"job", "4711"},
                             {"host", process.host},
                             {"boot", process.boot},
                             {"pid", process.pid},
                             {"started", process.started},
                             {"beat", beat}}),
                       false);
}

base::ProcessId elsewhere() { return {"node7", "another boot", 42, 1}; }

void wait_until(const std::function<bool()>& true_now) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!true_now()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(1ms);
  }
}

TEST_CASE("A hold is there while its object lives, and goes with it") {
  const TemporaryDirectory home;
  {
    const Hold hold(home.path(), "run", "", patient);
    CHECK(fs::exists(hold_path(home.path())));
    CHECK(hold_is_of(home.path(), "run"));
    CHECK_FALSE(hold.lost());
  }
  CHECK(test::everything_in(home.path()).empty());
  const Hold again(home.path(), "next", "", patient);
  CHECK(hold_is_of(home.path(), "next"));
}

TEST_CASE("A second run is told who holds the directory, and touches nothing") {
  const TemporaryDirectory home;
  const Hold hold(home.path(), "run", "4711", {1h, 1h});
  const auto before = test::everything_in(home.path());
  const base::ProcessId self = base::this_process();
  try {
    const Hold second(home.path(), "second", "", patient);
    FAIL("held twice");
  } catch (const Interrupted& error) {
    CHECK(error.exit_code() == exit_interrupted);
    CHECK_THAT(error.what(), Contains(home.path().string()) && Contains(self.host) &&
                                 Contains("process " + std::to_string(self.pid)) && Contains("job 4711"));
  }
  CHECK(test::everything_in(home.path()) == before);
  CHECK_FALSE(hold.lost());
}

TEST_CASE("A holder that was killed on this host is seen at once, also while it is a zombie") {
  const TemporaryDirectory home;
  const pid_t child = ::fork();
  if (child == 0) {
    const Hold hold(home.path(), "killed", "", {1h, 1h});
    for (;;) ::pause();
  }
  wait_until([&] { return fs::exists(hold_path(home.path())); });
  CHECK_THROWS_AS(Hold(home.path(), "next", "", patient), Interrupted);
  ::kill(child, SIGKILL);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  {
    const Hold hold(home.path(), "next", "", patient);
    CHECK(hold_is_of(home.path(), "next"));
  }
  ::waitpid(child, nullptr, 0);
  CHECK(test::everything_in(home.path()).empty());
}

TEST_CASE("A holder on another host is dead when no beat comes for as long as the watcher waits") {
  const TemporaryDirectory home;
  write_hold(home.path(), "far", elsewhere());
  const auto begin = std::chrono::steady_clock::now();
  const Hold hold(home.path(), "next", "", quick);
  CHECK(std::chrono::steady_clock::now() - begin >= quick.patience);
  CHECK(hold_is_of(home.path(), "next"));
}

TEST_CASE("A holder on another host lives while it beats") {
  const TemporaryDirectory home;
  write_hold(home.path(), "far", elsewhere());
  std::jthread far([&](const std::stop_token& stop) {
    for (std::uint64_t beat = 1; !stop.stop_requested(); ++beat) {
      write_hold(home.path(), "far", elsewhere(), beat);
      std::this_thread::sleep_for(1ms);
    }
  });
  CHECK_THROWS_WITH(Hold(home.path(), "next", "", patient),
                    Contains("node7") && Contains("process 42") && Contains("job 4711"));
  far.request_stop();
  far.join();
  CHECK(hold_is_of(home.path(), "far"));
}

TEST_CASE("A hold that is given back while somebody watches it is free") {
  const TemporaryDirectory home;
  write_hold(home.path(), "far", elsewhere());
  std::jthread far([&] {
    // When the watcher has linked its own file in vain it is watching, or about to.
    base::remove_file(hold_path(home.path()));
  });
  const Hold hold(home.path(), "next", "", patient);
  CHECK(hold_is_of(home.path(), "next"));
}

TEST_CASE("A hold cut short or with a flipped bit is watched, then taken, and never believed to be another") {
  const TemporaryDirectory home;
  std::string bytes;
  {
    const Hold hold(home.path(), "run", "4711", {1h, 1h});
    bytes = test::read_file(hold_path(home.path()));
  }
  constexpr Hold::Timing instant{1h, 0ms};
  const auto check = [&](const std::string& damaged) {
    test::write_file(hold_path(home.path()), damaged);
    try {
      const Hold hold(home.path(), "next", "", instant);
      REQUIRE(test::read_file(hold_path(home.path())).find("\"next\"") != std::string::npos);
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
  test::write_file(hold_path(home.path()), std::string(1 << 17, 'x'));
  CHECK_THROWS_AS(Hold(home.path(), "next", "", instant), SystemError);
}

TEST_CASE("Of many that watch one dead holder, one gets the directory") {
  for (int round = 0; round < 200; ++round) {
    const TemporaryDirectory home;
    base::ProcessId dead = base::this_process();
    ++dead.started;
    write_hold(home.path(), "dead", dead);
    std::atomic<int> held = 0;
    std::atomic<int> refused = 0;
    constexpr int watchers = 4;
    std::vector<std::jthread> threads;
    for (int i = 0; i < watchers; ++i)
      threads.emplace_back([&, i] {
        try {
          const Hold hold(home.path(), "run" + std::to_string(i), "", {1h, 1h});
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

TEST_CASE("Whoever died while taking a hold over is in nobody's way") {
  const TemporaryDirectory home;
  base::ProcessId dead = base::this_process();
  ++dead.started;
  write_hold(home.path(), "dead", dead);
  const std::string hold = test::read_file(hold_path(home.path()));
  const fs::path claim = hold_path(home.path()).string() + "." + base::to_hex(base::hash64(hold));
  test::write_file(claim, hold);
  {
    const Hold next(home.path(), "next", "", patient);
    CHECK(hold_is_of(home.path(), "next"));
  }
  CHECK(test::everything_in(home.path()).empty());
}

TEST_CASE("A run whose hold another took knows that it is lost, and leaves the other's alone") {
  const TemporaryDirectory home;
  {
    const Hold hold(home.path(), "slow", "", quick);
    write_hold(home.path(), "other", elsewhere());
    wait_until([&] { return hold.lost(); });
    CHECK_FALSE(hold.removed());
  }
  CHECK(hold_is_of(home.path(), "other"));
}

TEST_CASE("A run whose directory was removed knows that, too") {
  const TemporaryDirectory home;
  fs::create_directory(home.path() / "d");
  const Hold hold(home.path() / "d", "run", "", quick);
  // A beat may put a file there meanwhile.
  wait_until([&] {
    std::error_code again;
    fs::remove_all(home.path() / "d", again);
    return !again;
  });
  wait_until([&] { return hold.lost(); });
  CHECK(hold.removed());
}

TEST_CASE("A hold that beats goes on holding") {
  const TemporaryDirectory home;
  const Hold hold(home.path(), "run", "", {1ms, 1h});
  const std::string first = test::read_file(hold_path(home.path()));
  wait_until([&] { return test::read_file(hold_path(home.path())) != first; });
  CHECK_FALSE(hold.lost());
  CHECK(hold_is_of(home.path(), "run"));
}

TEST_CASE("A directory of another host is not one that this run holds") {
  const TemporaryDirectory home;
  CHECK_FALSE(hold_is_of(home.path(), "run"));
  CHECK_FALSE(hold_is_of(home.path() / "missing", "run"));
}

TEST_CASE("Where the hold should be, what can never be one is an error, and not tried for ever") {
  const TemporaryDirectory home;
  fs::create_symlink("nowhere", hold_path(home.path()));
  CHECK_THROWS_WITH(Hold(home.path(), "run", "", quick), Contains("symbolic link"));
  fs::remove(hold_path(home.path()));
  fs::create_directory(hold_path(home.path()));
  CHECK_THROWS_AS(Hold(home.path(), "run", "", quick), SystemError);
}

TEST_CASE("A directory that is gone, or not for us, is an error that says so", "[root]") {
  const TemporaryDirectory home;
  CHECK_THROWS_WITH(Hold(home.path() / "missing", "run", "", quick), Contains("create the directory first"));
  if (!test::may_as_root("a hold in a directory without permission")) return;
  fs::permissions(home.path(), fs::perms(0755));
  CHECK_THAT(test::as_nobody([&] { const Hold hold(home.path(), "run", "", quick); }),
             Contains("choose a place that you may write to"));
  // Where only owners may remove their files, waiting for it would never end.
  fs::permissions(home.path(), fs::perms(01777));
  write_hold(home.path(), "far", elsewhere());
  fs::permissions(hold_path(home.path()), fs::perms(0644));
  CHECK_THAT(test::as_nobody([&] { const Hold hold(home.path(), "run", "", quick); }),
             Contains("cannot create " + hold_path(home.path()).string()));
}

}  // namespace
}  // namespace tasker::store
