#include "cluster/cpus.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace tasker::cluster {

namespace {

/// The CPUs that a process may run on; nothing on machines with more of them than the set holds.
std::optional<cpu_set_t> cpus_of(pid_t process) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(process, sizeof set, &set) != 0) return std::nullopt;
  return set;
}

/// The CPUs of the parent process if it belongs to mpirun; else nothing.
std::optional<cpu_set_t> cpus_of_mpirun() {
  const pid_t parent = ::getppid();
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(parent) + "/comm"), name);
  const auto names = {"mpirun", "mpiexec", "orterun", "orted"};
  return std::find(names.begin(), names.end(), name) == names.end() ? std::nullopt : cpus_of(parent);
}

}  // namespace

std::uint32_t available_cpus() {
  const auto set = cpus_of(0);
  return set ? static_cast<std::uint32_t>(CPU_COUNT(&*set)) : std::thread::hardware_concurrency();
}

void use_all_cpus_if_alone() {
  const char* const ranks_here = std::getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  if (!ranks_here || std::string_view(ranks_here) != "1") return;
  if (const auto all = cpus_of_mpirun()) ::sched_setaffinity(0, sizeof *all, &*all);
}

bool is_bound_by_mpirun() {
  const auto all = cpus_of_mpirun();
  return all && static_cast<std::uint32_t>(CPU_COUNT(&*all)) > available_cpus();
}

}  // namespace tasker::cluster
