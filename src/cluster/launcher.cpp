#include "cluster/launcher.hpp"

#include <tasker/error.hpp>

#include <cstdlib>

namespace tasker::cluster {

namespace {
std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}
}  // namespace

std::string slurm_job() {
  const std::string job = environment("SLURM_JOB_ID");
  // One member of an array has the id of the whole array. Elsewhere the array's variables tell little: a job
  // that a member has submitted inherits them.
  if (!job.empty() && job == environment("SLURM_ARRAY_JOB_ID"))
    return job + "_" + environment("SLURM_ARRAY_TASK_ID");
  return job;
}

bool is_array_member() { return !environment("SLURM_ARRAY_JOB_ID").empty(); }

bool was_requeued() { return std::atol(environment("SLURM_RESTART_COUNT").c_str()) > 0; }

int launched_rank() {
  // The innermost launcher first: under mpirun, SLURM_PROCID belongs to the step in which mpirun runs.
  for (const char* const name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
    if (const char* const value = std::getenv(name)) return std::atoi(value);
  return 0;
}

void refuse_singletons() {
  // SLURM_NTASKS says nothing: every batch script has it.
  const std::string tasks = environment("SLURM_STEP_NUM_TASKS");
  if (std::atol(tasks.c_str()) > 1)
    throw UsageError("srun started " + tasks +
                     " processes that don't know of each other, so each would do all the work; "
                     "type 'srun --mpi=pmix' or 'mpirun' instead");
}

}  // namespace tasker::cluster
