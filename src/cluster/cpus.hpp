#pragma once

#include <cstdint>

namespace tasker::cluster {

/// How many CPUs this process may run on (its affinity mask).
std::uint32_t available_cpus();

/// mpirun binds a rank to a core, or a few, even where it is the only one of its node. Such a rank, and what
/// it forks from now on, may then use all CPUs that mpirun may; one with others beside it would take theirs.
void use_all_cpus_if_alone();

/// Whether mpirun has bound this process to some of the CPUs that it may use itself.
bool is_bound_by_mpirun();

}  // namespace tasker::cluster
