#include "cluster/squeue.hpp"

#include "base/signals.hpp"
#include "base/sleep.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tasker::cluster {

using namespace std::chrono_literals;

namespace {

/// squeue answers with a line; text beyond this is dropped.
constexpr std::size_t most_text = 4096;

/// Arguments or environment for exec and posix_spawn.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

/// Kills a process and waits for its end, a second at most: the kernel may hold it, say at a file system that
/// does not answer.
void end(pid_t process) {
  ::kill(process, SIGKILL);
  for (auto pause = 1ms; pause < 1s && ::waitpid(process, nullptr, WNOHANG) == 0; pause *= 2)
    std::this_thread::sleep_for(pause);
}

}  // namespace

Surroundings::Surroundings() {
  std::istringstream path;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    if (text.starts_with("PATH=")) path.str(std::string(text.substr(5)));
    if (!text.starts_with("SQUEUE_")) variables.emplace_back(text);
  }
  for (std::string directory; std::getline(path, directory, ':');)
    if (const auto file = std::filesystem::absolute(directory) / "squeue";
        ::access(file.c_str(), X_OK) == 0) {
      squeue = file;
      return;
    }
}

Squeue::Squeue(const std::string& job, const Surroundings& surroundings) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    text_ = std::strerror(errno);
    return;
  }
  pipe_ = base::Descriptor(ends[0]);
  const base::Descriptor theirs(ends[1]);
  ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  const std::vector<std::string> words{"squeue", "-h", "-j", job, "-o", "%L|%l"};
  // The thread that asks may have signals blocked, which a program does not expect.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  const sigset_t none = base::signal_set({});
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int error = ::posix_spawn(&process_, surroundings.squeue.c_str(), &actions, &attributes,
                                  pointers(words).data(), pointers(surroundings.variables).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return;
  process_ = -1;
  text_ = std::strerror(error);
}

Squeue::~Squeue() {
  if (process_ > 0) end(process_);
}

std::optional<std::string> Squeue::answer(base::Time deadline) {
  while (process_ > 0) {
    pollfd found{pipe_.get(), POLLIN, 0};
    if (base::sleep_until(deadline, {&found, 1})) return std::nullopt;
    std::array<char, 512> bytes{};
    const ssize_t size = ::read(pipe_.get(), bytes.data(), bytes.size());
    if (size > 0 && text_.size() < most_text) text_.append(bytes.data(), static_cast<std::size_t>(size));
    if (size > 0 || (size < 0 && (errno == EINTR || errno == EAGAIN))) continue;
    end(std::exchange(process_, -1));  // it has nothing more to say
  }
  return text_;
}

}  // namespace tasker::cluster
