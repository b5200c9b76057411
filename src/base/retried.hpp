#pragma once

#include <cerrno>

namespace tasker::base {

/// What a system call returns, which is called again as long as a signal interrupts it.
template <class Call>
auto retried(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace tasker::base
