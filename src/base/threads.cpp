#include "base/threads.hpp"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

namespace tasker::base {

namespace {

using Threads = std::map<std::string, std::string>;  // id and name

Threads threads() {
  Threads found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    found.emplace(entry.path().filename(), name);
  }
  return found;
}

Threads remembered;

}  // namespace

std::jthread start_thread(const std::string& name, std::function<void(const std::stop_token&)> run) {
  // A new thread inherits its creator's mask of blocked signals.
  sigset_t foreign;
  sigset_t before;
  ::sigfillset(&foreign);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
    ::sigdelset(&foreign, fault);
  ::pthread_sigmask(SIG_SETMASK, &foreign, &before);
  const struct Restored {
    const sigset_t& mask;
    ~Restored() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } restored{before};
  std::jthread thread(std::move(run));
  ::pthread_setname_np(thread.native_handle(), (own_thread_prefix + name).c_str());
  return thread;
}

void remember_threads() {
  if (remembered.empty()) remembered = threads();
}

std::vector<std::string> new_threads() {
  std::vector<std::string> names;
  if (remembered.empty()) return names;
  // The main thread does not count. In a child that was forked since it has a new id.
  const std::string main_thread = std::to_string(::getpid());
  for (const auto& [id, name] : threads())
    if (id != main_thread && !remembered.contains(id) && !name.starts_with(own_thread_prefix))
      names.push_back(name);
  return names;
}

}  // namespace tasker::base
