#include "cluster/cpus.hpp"

#include <sched.h>

#include <thread>

namespace tasker::cluster {

std::uint32_t available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Fails on machines with more CPUs than the set holds.
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return std::thread::hardware_concurrency();
  return static_cast<std::uint32_t>(CPU_COUNT(&set));
}

}  // namespace tasker::cluster
