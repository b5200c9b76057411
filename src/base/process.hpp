#pragma once

#include <cstdint>
#include <string>

namespace tasker::base {

/// One process among all that were and will be, on any host.
struct ProcessId {
  std::string host;  ///< Name of the host, for people.
  std::string boot;  ///< Boot id and process namespace: where `pid` means something.
  std::int64_t pid = 0;
  std::uint64_t started = 0;  ///< In clock ticks since boot: tells a reused pid.

  bool operator==(const ProcessId&) const = default;
};

ProcessId this_process();

enum class Life { alive, dead, unknown };

/// Whether that process lives; `unknown` if it is on another host (or in another process namespace).
Life life_of(const ProcessId& process);

/// Build id of the running program: changes when it is compiled anew from other code. Hexadecimal.
std::string build_id();

}  // namespace tasker::base
