#pragma once

#include <cstdint>

namespace tasker::cluster {

/// How many CPUs this process may run on (its affinity mask).
std::uint32_t available_cpus();

}  // namespace tasker::cluster
