#include "base/threads.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

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

Threads& remembered() {
  static Threads known;
  return known;
}

}  // namespace

void remember_threads() {
  if (remembered().empty()) remembered() = threads();
}

std::vector<std::string> new_threads() {
  std::vector<std::string> names;
  if (remembered().empty()) return names;
  // Nobody has started the main thread, which is another one in a process that was forked since.
  const std::string main_thread = std::to_string(::getpid());
  for (const auto& [id, name] : threads())
    if (id != main_thread && !remembered().contains(id) && !name.starts_with(own_thread_prefix))
      names.push_back(name);
  return names;
}

}  // namespace tasker::base
