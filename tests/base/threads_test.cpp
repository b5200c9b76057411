#include "base/threads.hpp"

#include "base/shared.hpp"
#include "support/forked.hpp"

#include <catch2/catch.hpp>
#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string>
#include <thread>

namespace tasker::base {
namespace {

/// A thread of this name, for as long as the object lives.
class Sleeper {
 public:
  explicit Sleeper(const char* name) : thread_([this] { sleep(); }) {
    ::pthread_setname_np(thread_.native_handle(), name);
  }
  ~Sleeper() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  void sleep() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return over_; });
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

TEST_CASE("Threads that were started later are known by name, except for Tasker's own") {
  remember_threads();
  const auto before = new_threads();
  {
    const Sleeper own("tasker-x");
    CHECK(new_threads() == before);
    const Sleeper other("omp");
    const auto now = new_threads();
    REQUIRE(now.size() == before.size() + 1);
    CHECK(std::count(now.begin(), now.end(), "omp") == 1);
  }
  CHECK(new_threads() == before);
}

TEST_CASE("A thread of Tasker's own handles no signals but those of its faults") {
  sigset_t before;
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  sigset_t mask;
  std::string name(16, '\0');
  start_thread("x", [&](const std::stop_token& stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  }).request_stop();
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  CHECK(name.c_str() == std::string("tasker-x"));
  for (const int number : {SIGUSR1, SIGTERM, SIGINT, SIGALRM, SIGCHLD, SIGRTMIN})
    CHECK(::sigismember(&mask, number) == 1);
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT}) CHECK(::sigismember(&mask, number) == 0);
  for (int number = 1; number < SIGRTMAX; ++number)
    CHECK(::sigismember(&before, number) == ::sigismember(&after, number));
}

TEST_CASE("In a process that was forked the main thread is none that was started") {
  remember_threads();
  const Shared<std::atomic<int>> found;
  const test::Forked process([&] { *found = 1 + static_cast<int>(new_threads().size()); });
  test::await([&] { return *found > 0; });
  CHECK(*found == 1);
}

}  // namespace
}  // namespace tasker::base
