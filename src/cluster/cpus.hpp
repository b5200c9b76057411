#pragma once

#include <cstdint>

namespace tasker::cluster {

/// How many CPUs this process may run on (its affinity mask).
std::uint32_t available_cpus();

/// If this rank is the only one on its node, lets it, and the processes that it forks from now on, use all
/// CPUs that mpirun may use. mpirun binds every rank to one core or a few, even such a rank.
void use_all_cpus_if_alone();

/// Whether mpirun has bound this process to some of the CPUs that it may use itself.
bool is_bound_by_mpirun();

}  // namespace tasker::cluster
