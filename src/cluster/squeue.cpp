#include "cluster/squeue.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tasker::cluster {

using namespace std::chrono_literals;

namespace {

/// It answers with a line.
constexpr std::size_t most_text = 4096;

/// Without what the user has set for squeue: it may hide the job. As it was at the first question, for later
/// ones are asked beside `fn`, which may change it.
std::vector<char*> environment() {
  static std::vector<std::string> kept = [] {
    std::vector<std::string> variables;
    for (char** variable = environ; *variable; ++variable)
      if (!std::string_view(*variable).starts_with("SQUEUE_")) variables.emplace_back(*variable);
    return variables;
  }();
  std::vector<char*> variables;
  variables.reserve(kept.size() + 1);
  for (std::string& variable : kept) variables.push_back(variable.data());
  variables.push_back(nullptr);
  return variables;
}

/// Ends a process that is of no use any more. One that the kernel holds, at a file system that does not
/// answer say, can't be ended, and is waited for no longer than a second.
void end(pid_t process) {
  ::kill(process, SIGKILL);
  for (auto pause = 1ms; pause < 1s && ::waitpid(process, nullptr, WNOHANG) == 0; pause *= 2)
    std::this_thread::sleep_for(pause);
}

}  // namespace

Squeue::Squeue(const std::string& job) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    text_ = std::strerror(errno);
    return;
  }
  pipe_ = ends[0];
  ::fcntl(pipe_, F_SETFL, O_NONBLOCK);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  std::array<std::string, 6> words{"squeue", "-h", "-j", job, "-o", "%L|%l"};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // The thread that asks may have signals blocked, which a program does not expect.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int error =
      ::posix_spawnp(&process_, "squeue", &actions, &attributes, arguments.data(), environment().data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error == 0) return;
  process_ = -1;
  text_ = std::strerror(error);
}

Squeue::~Squeue() {
  if (pipe_ >= 0) ::close(pipe_);
  if (process_ > 0) end(process_);
}

std::optional<std::string> Squeue::answer(Clock::time_point deadline) {
  while (process_ > 0) {
    const auto left = deadline <= Clock::now()
                          ? std::chrono::milliseconds(0)
                          : std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd found{pipe_, POLLIN, 0};
    const int ready = ::poll(&found, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    std::array<char, 512> bytes{};
    const ssize_t size = ::read(pipe_, bytes.data(), bytes.size());
    if (size > 0 && text_.size() < most_text) text_.append(bytes.data(), static_cast<std::size_t>(size));
    if (size > 0 || (size < 0 && (errno == EINTR || errno == EAGAIN))) continue;
    end(std::exchange(process_, -1));  // it has nothing more to say
  }
  return text_;
}

}  // namespace tasker::cluster
