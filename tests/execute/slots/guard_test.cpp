#include "execute/slots/guard.hpp"

#include "base/file.hpp"
#include "base/shared.hpp"
#include "support/forked.hpp"

#include <atomic>
#include <filesystem>
#include <set>
#include <vector>

namespace tasker::execute::slots {
namespace {

using namespace test;

/// The id of the guard that this process has just forked, its only child, once it stands.
pid_t await_guard() {
  const std::string self = std::to_string(::getpid());
  pid_t guard = 0;
  await([&] {
    // Other tests' children may be there, too.
    std::ifstream children("/proc/self/task/" + self + "/children");
    for (pid_t pid = 0; children >> pid;)
      if (base::read_small_file("/proc/" + std::to_string(pid) + "/comm") == "tasker-guard\n") guard = pid;
    return guard > 0;
  });
  return guard;
}

/// What a rank and the processes that it forks tell the test.
struct Told {
  std::atomic<pid_t> guard = 0;
  std::atomic<pid_t> guarded = 0;
  std::atomic<pid_t> released = 0;
  std::atomic<bool> ready = false;
};

/// A process group whose leader has ended, so that only `member` keeps its id; nobody waits for the leader.
pid_t leaderless_group(Guard& guard, std::atomic<pid_t>& member) {
  const pid_t leader = ::fork();
  if (leader == 0) {
    guard.leave();
    ::setpgid(0, 0);
    member = forked_sleeper();
    ::_exit(0);
  }
  await([&] { return is_gone(leader); });
  return leader;
}

TEST_CASE("Groups that are guarded end with the process that had them guarded, others do not") {
  const base::Shared<Told> told;
  const Forked rank([&] {
    Guard guard;
    told->guard = await_guard();
    guard.take(leaderless_group(guard, told->guarded));
    const pid_t released = leaderless_group(guard, told->released);
    guard.take(released);
    guard.release(released);
    told->ready = true;
    for (;;) ::pause();
  });
  await([&] { return told->ready.load(); });
  // Signals that come before make no difference.
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTSTP})
    REQUIRE(::kill(told->guard, number) == 0);
  rank.kill();
  // Not only its files are closed: its end would end a group of its own that is stopped and left without a
  // parent.
  await([&] { return is_gone(rank.pid()); });
  await([&] { return is_gone(told->guarded); });
  await([&] { return is_gone(told->guard); });
  // What was told to end can't stop any more.
  ::kill(told->released, SIGSTOP);
  await([&] { return state_of(told->released) == 'T' || is_gone(told->released); });
  CHECK_FALSE(is_gone(told->released));
  ::kill(told->released, SIGKILL);
}

TEST_CASE("A guard holds no file but the pipe to its rank, and has a session of its own") {
  const Guard guard;
  const pid_t pid = await_guard();
  std::set<std::string> open;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
    open.insert(entry.path().filename());
  CHECK(open == std::set<std::string>{"0"});
  CHECK(::getsid(pid) == pid);
}

TEST_CASE("A guard goes when it is no longer needed, and one that was killed is not missed") {
  const bool killed = GENERATE(false, true);
  pid_t pid = 0;
  {
    Guard guard;
    pid = await_guard();
    if (killed) {
      ::kill(pid, SIGKILL);
      await([&] { return is_gone(pid); });
    }
    guard.take(pid);
    guard.release(pid);
  }
  CHECK(::kill(pid, 0) != 0);  // it was waited for, too
}

TEST_CASE("A guard that is stopped stops nobody else") {
  Guard guard;
  const pid_t pid = await_guard();
  ::kill(pid, SIGSTOP);
  await([&] { return state_of(pid) == 'T'; });
  // More than any pipe holds.
  for (int change = 0; change < 5000; ++change) guard.release(pid);
  CHECK(state_of(pid) == 'T');
}

}  // namespace
}  // namespace tasker::execute::slots
