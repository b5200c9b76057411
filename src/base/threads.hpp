#pragma once

#include <string>
#include <vector>

namespace tasker::base {

/// How Tasker's own threads are called: they begin with this.
inline constexpr const char* own_thread_prefix = "tasker-";

/// Remembers the threads that this process has now. The first call counts.
void remember_threads();

/// Names of the threads that were started since and are not Tasker's own; nothing where none are remembered.
std::vector<std::string> new_threads();

}  // namespace tasker::base
