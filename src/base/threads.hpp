#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace tasker::base {

/// The names of Tasker's own threads begin with this.
inline constexpr const char* own_thread_prefix = "tasker-";

/// Starts a thread of Tasker's own, named by the prefix and `name`, which has eight letters at most. The
/// thread handles no signals but its own faults: the program's handlers run in the program's threads.
std::jthread start_thread(const std::string& name, std::function<void(const std::stop_token&)> run);

/// Remembers the threads that this process has now. Only the first call counts.
void remember_threads();

/// Names of the threads started since `remember_threads`, without Tasker's own; empty if it was never called.
std::vector<std::string> new_threads();

}  // namespace tasker::base
