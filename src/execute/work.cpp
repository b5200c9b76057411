#include "execute/work.hpp"

namespace tasker::execute {

std::uint32_t slots_of(const Options& options) {
  const bool isolated =
      options.isolation == Isolation::process || options.timeout.count() > 0 || options.memory_limit > 0;
  return options.slots == 0 && isolated ? 1 : options.slots;
}

Limits limits_of(const Options& options) { return {options.retries, options.timeout, options.memory_limit}; }

}  // namespace tasker::execute
