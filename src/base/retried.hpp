#pragma once

#include <cerrno>

namespace tasker::base {

/// Repeats a system call for as long as signals interrupt it, and returns its result.
template <class Call>
auto retried(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace tasker::base
