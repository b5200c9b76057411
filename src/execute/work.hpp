#pragma once

#include "execute/horizon.hpp"
#include "store/fingerprint.hpp"
#include "store/paths.hpp"

#include <tasker/detail/call.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace tasker::execute {

/// What a task may take.
struct Limits {
  std::uint32_t retries = 0;            ///< How often a task that failed is tried again.
  std::chrono::nanoseconds timeout{0};  ///< How long a task may last; 0: for ever. Needs slots.
  std::uint64_t memory = 0;  ///< Bytes that it may take besides what `fn` has; 0: all. Needs slots.
};

/// A rank has no more slots than this.
inline constexpr std::uint32_t most_slots = 4096;

/// How many children each rank that computes keeps; 0: tasks are not isolated.
std::uint32_t slots_of(const Options& options);
Limits limits_of(const Options& options);

/// What all chunks that a rank executes in a map have in common. Outlives what executes them.
struct Work {
  const detail::MapCall& call;
  std::uint64_t task_count = 0;
  const store::Fingerprinter& fingerprint;
  bool keep_arguments = true;
  Limits limits = {};
  Capture capture = Capture::failures;  ///< Of what slots execute.
  const Horizon& horizon = no_limit;
  /// The state that a task has saved before; empty where nobody knows.
  std::function<std::optional<std::string>(const store::StateName& name)> load_state = {};
};

}  // namespace tasker::execute
