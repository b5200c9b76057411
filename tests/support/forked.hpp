#pragma once

#include "base/retried.hpp"

#include <catch2/catch.hpp>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

/// Processes beside the test's own.
namespace tasker::test {

/// A letter as in /proc/PID/stat; 'X' if there is no such process.
inline char state_of(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string words;
  std::getline(status, words);
  const auto name_end = words.rfind(')');
  return name_end == std::string::npos ? 'X' : words.at(name_end + 2);
}

/// Whether the process has ended; one that nobody has waited for yet counts as well.
inline bool is_gone(pid_t pid) {
  const char state = state_of(pid);
  return state == 'X' || state == 'Z';
}

/// Waits for the thing itself.
template <class Condition>
void await(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

/// The process id of a copy of this process that sleeps until it is killed, or no test waits for it any more.
inline pid_t forked_sleeper() {
  const pid_t pid = ::fork();
  if (pid == 0) ::alarm(120);
  while (pid == 0) ::pause();
  return pid;
}

/// A process that does something, then sleeps until it is killed: at the end, or with the test.
class Forked {
 public:
  template <class Fn>
  explicit Forked(Fn fn) : pid_(::fork()) {
    REQUIRE(pid_ >= 0);
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    [&]() noexcept { fn(); }();  // it is not to go on as a second test program
    for (;;) ::pause();
  }
  ~Forked() {
    kill();
    base::retried([this] { return ::waitpid(pid_, nullptr, 0); });
  }
  Forked(const Forked&) = delete;
  Forked& operator=(const Forked&) = delete;

  pid_t pid() const { return pid_; }
  void kill() const { ::kill(pid_, SIGKILL); }

 private:
  pid_t pid_;
};

}  // namespace tasker::test
