#pragma once

#include <string>

namespace tasker::cluster {

/// The Slurm job that this process belongs to, as its commands take it: "4711", or "4711_3" if 4711 is also a
/// whole array; empty if none.
std::string slurm_job();

/// Whether this process belongs to a member of a Slurm array.
bool is_array_member();

/// Whether that job was started before, and then requeued.
bool was_requeued();

/// The rank that a launcher has given to this process, by the environment; 0 if there is none.
int launched_rank();

/// Throws UsageError if a launcher started many processes that each believe they are alone: plain `srun
/// ./job` without a PMI plugin. To be called where no MPI launcher is known to have started this process.
void refuse_singletons();

}  // namespace tasker::cluster
