#pragma once

#include "execute/horizon.hpp"
#include "store/paths.hpp"
#include "store/record.hpp"

#include <tasker/detail/call.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace tasker::execute {

/// A rank has no more slots than this.
inline constexpr std::uint32_t most_slots = 4096;

/// How many slots each rank that computes has; 0 if tasks are not isolated.
inline std::uint32_t slots_of(const Options& options) {
  const bool isolated =
      options.isolation == Isolation::process || options.timeout.count() > 0 || options.memory_limit > 0;
  return options.slots == 0 && isolated ? 1 : options.slots;
}

/// What all chunks that a rank executes during a map have in common. Must outlive whatever executes them.
struct Work {
  const detail::MapCall& call;  ///< With rank 0's options.
  std::uint64_t task_count = 0;
  const store::Fingerprinter& fingerprint;
  const Horizon& horizon = no_limit;
  /// Reads the state that a task has saved before. Empty on a rank that does not see the directory.
  std::function<std::optional<std::string>(const store::StateName& name)> load_state = {};

  const Options& options() const { return call.options; }
};

}  // namespace tasker::execute
