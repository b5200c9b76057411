#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace tasker::base {

/// How Tasker's own threads are called: they begin with this.
inline constexpr const char* own_thread_prefix = "tasker-";

/// A thread of Tasker's own, called by the prefix and `name`, of eight letters at most. It handles no signals
/// but those of its own faults: handlers are for threads that the program knows.
std::jthread start_thread(const std::string& name, std::function<void(const std::stop_token&)> run);

/// Remembers the threads that this process has now. The first call counts.
void remember_threads();

/// Names of the threads that were started since and are not Tasker's own; nothing where none are remembered.
std::vector<std::string> new_threads();

}  // namespace tasker::base
