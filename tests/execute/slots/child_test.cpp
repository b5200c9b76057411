#include "support/forked.hpp"
#include "support/isolated.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

// How the end of a slot's child is known, and what is done where none can be kept.
namespace tasker::execute::slots {
namespace {

using namespace test;
using namespace std::chrono_literals;

void reap_all(int) {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

/// What a program does with SIGCHLD as long as this lives.
class Disposition {
 public:
  explicit Disposition(void (*handler)(int)) : before_(::signal(SIGCHLD, handler)) {}
  ~Disposition() { ::signal(SIGCHLD, before_); }
  Disposition(const Disposition&) = delete;
  Disposition& operator=(const Disposition&) = delete;

 private:
  void (*before_)(int);
};

/// What SIGCHLD does in this process.
auto disposition() {
  struct sigaction now {};
  ::sigaction(SIGCHLD, nullptr, &now);
  return now.sa_handler;
}

TEST_CASE(
    "Ends are told apart in a program that ignores the ends of its children, or waits for all of them") {
  const auto handler = GENERATE(as<void (*)(int)>(), SIG_IGN, reap_all);
  const Disposition its(handler);
  {
    Isolated map([handler](int x) {
      if (x == 10) std::raise(SIGSEGV);
      if (x == 20) std::raise(SIGKILL);
      if (x == 30) std::exit(9);
      return disposition() == handler;
    });
    map.start({{0, 5}});
    CHECK(map.finish().failed == 3);
    CHECK(map.sink.records.at(1).payload == "signal SIGSEGV");
    CHECK(map.sink.records.at(2).payload == "signal SIGKILL");
    CHECK(map.sink.records.at(3).payload == "it ended its process, with exit code 9");
    CHECK(result<bool>(map.sink.records.at(4)));  // a task finds it as the program has set it
  }
  CHECK(disposition() == handler);
}

TEST_CASE("Where somebody else has waited for a child, nobody claims to know how it ended") {
  const base::Shared<std::atomic<pid_t>> child;
  Isolated map([&](int x) {
    if (x == 0) {
      *child = ::getpid();
      std::raise(SIGKILL);
    }
    return x;
  });
  Guard guard;
  LoneSlot slot(map.work, guard);
  slot.start(map.shared_chunk({{0, 2}}));
  await([&] { return *child > 0; });
  REQUIRE(::waitpid(*child, nullptr, 0) == *child);
  std::optional<ChunkReport> ended;
  await([&] { return (ended = slot.hear_all(map.sink)).has_value(); });
  CHECK(ended->failed == 1);
  CHECK(map.sink.records.at(0).payload ==
        "it ended its process; how is not known, since something else has waited for that process");
}

/// As long as this lives, every forked child dies at once.
class DeadlyForks {
 public:
  DeadlyForks() {
    static const int installed = ::pthread_atfork(
        nullptr, [] { ++forks; },
        [] {
          if (deadly) ::_exit(1);
        });
    REQUIRE(installed == 0);
    forks = 0;
    deadly = true;
  }
  ~DeadlyForks() { deadly = false; }
  DeadlyForks(const DeadlyForks&) = delete;
  DeadlyForks& operator=(const DeadlyForks&) = delete;
  static int count() { return forks; }

 private:
  static inline int forks = 0;
  static inline bool deadly = false;
};

TEST_CASE("An idle child that dies is not replaced before there is work") {
  const base::Shared<std::atomic<pid_t>> child;
  Isolated map([&](int x) {
    *child = ::getpid();
    return x;
  });
  map.start({{0, 1}});
  map.finish();
  {
    const DeadlyForks forks;
    ::kill(*child, SIGKILL);
    await([&] { return is_gone(*child); });
    for (int looks = 0; looks < 20; ++looks) {
      const auto watched = map.slots.watched();
      ::poll(watched.data(), watched.size(), 10);
      map.slots.look();
      map.slots.hear(map.sink);
    }
    CHECK(forks.count() == 0);
  }
  map.start({{1, 2}});
  CHECK(map.finish().tasks == 1);
}

/// Kills the child that the slot has.
void kill_child(Slot& slot) {
  std::vector<pollfd> watched;
  slot.watch(watched);
  ::syscall(SYS_pidfd_send_signal, watched[1].fd, SIGKILL, nullptr, 0);
}

TEST_CASE(
    "Where children die before they start a task, others are forked with growing pauses, not for ever") {
  const bool lasts = GENERATE(true, false);
  Isolated map([](int x) { return x; });
  Guard guard;
  LoneSlot slot(map.work, guard);
  const auto start = Slot::Clock::now();
  {
    const DeadlyForks forks;
    std::vector<Slot::Clock::duration> pauses;
    kill_child(slot);
    slot.start(map.shared_chunk({{0, 1}}));
    for (int died = 0; lasts || died < 3; ++died) {
      await([&] {
        slot.hear_all(map.sink);
        std::vector<pollfd> watched;
        slot.watch(watched);
        return watched[1].fd < 0;
      });
      if (!slot.trouble().empty()) break;
      pauses.push_back(slot.longest_pause().value());
      const int before = forks.count();
      slot.look(start);
      CHECK(forks.count() == before);
      slot.look(start + 1h);
      CHECK(forks.count() == before + 1);
    }
    if (lasts) CHECK(pauses.back() > 10 * pauses.front());
    CHECK(forks.count() < 10);
  }
  if (lasts) {
    CHECK_THAT(slot.trouble(),
               Catch::StartsWith("the processes that execute tasks end before they start one: "));
    return;
  }
  std::optional<ChunkReport> ended;
  await([&] {
    slot.look(start + 1h);
    return (ended = slot.hear_all(map.sink)).has_value();
  });
  CHECK(ended->failed == 0);
}

TEST_CASE(
    "What a slot has to do that can't keep a child is done by another, and all is over if there is none") {
  const bool another = GENERATE(true, false);
  const base::Shared<std::atomic<pid_t>> child;
  const base::Shared<std::atomic<bool>> goes_on;
  Isolated map(
      [&](int x) {
        if (x == 0) *child = ::getpid();
        while (x == 10 && !*goes_on) std::this_thread::sleep_for(1ms);
        return x;
      },
      another ? 2 : 1);
  map.start({{0, 1}});
  map.finish();
  const DeadlyForks forks;
  ::kill(*child, SIGKILL);
  await([&] { return is_gone(*child); });
  map.start({{2, 5}});
  // As if all pauses had passed.
  const auto go_on = [&map] { map.go_on(Slot::Clock::now() + 1h); };
  if (!another) {
    const auto until_it_throws = [&] { await([&] { return go_on(), false; }); };
    CHECK_THROWS_AS(until_it_throws(), SystemError);
    return;
  }
  map.start({{1, 2}});
  CHECK(map.slots.all_busy());
  await([&] { return go_on(), forks.count() >= 7; });
  *goes_on = true;
  await([&] { return go_on(), map.is_idle(); });
  for (std::uint64_t index = 0; index < 5; ++index)
    CHECK(map.sink.records.at(index).outcome == store::Outcome::done);
  CHECK(map.slots.size() == 1);
}

/// So few files may be open as long as this lives.
class FewFiles {
 public:
  explicit FewFiles(rlim_t count) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit low{count, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  }
  ~FewFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewFiles(const FewFiles&) = delete;
  FewFiles& operator=(const FewFiles&) = delete;

 private:
  rlimit before_{};
};

TEST_CASE("A limit of open files that is too low for all slots is raised") {
  const FewFiles few(32);
  Isolated map([](int x) { return x; }, 20);
  for (std::uint64_t i = 0; i < 20; ++i) map.start({{i, i + 1}});
  CHECK(map.finish().tasks == 20);
}

}  // namespace
}  // namespace tasker::execute::slots
