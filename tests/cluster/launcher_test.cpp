#include "cluster/launcher.hpp"

#include "cluster/cpus.hpp"
#include "support/variable.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>
#include <sched.h>

#include <cstdlib>
#include <string>

namespace tasker::cluster {
namespace {

using Catch::Contains;
using test::Variable;

TEST_CASE("The rank is what the nearest launcher says") {
  const Variable none1("OMPI_COMM_WORLD_RANK", std::nullopt);
  const Variable none2("PMIX_RANK", std::nullopt);
  const Variable none3("SLURM_PROCID", std::nullopt);
  CHECK(launched_rank() == 0);
  const Variable slurm("SLURM_PROCID", "4");
  CHECK(launched_rank() == 4);
  // mpirun in a Slurm job: all its processes have what the batch step has.
  const Variable mpirun("OMPI_COMM_WORLD_RANK", "7");
  CHECK(launched_rank() == 7);
}

TEST_CASE("A job is called as Slurm's commands want it") {
  const Variable job("SLURM_JOB_ID", "4711");
  const Variable no_array("SLURM_ARRAY_JOB_ID", std::nullopt);
  CHECK(slurm_job() == "4711");
  const Variable array("SLURM_ARRAY_JOB_ID", "4711");
  const Variable task("SLURM_ARRAY_TASK_ID", "3");
  CHECK(slurm_job() == "4711_3");
  // Another member of that array, or a job that a member has submitted.
  const Variable other("SLURM_JOB_ID", "4712");
  CHECK(slurm_job() == "4712");
}

TEST_CASE("Outside Slurm a process may be alone") {
  const Variable tasks("SLURM_STEP_NUM_TASKS", std::nullopt);
  CHECK_NOTHROW(refuse_singletons());
}

TEST_CASE("A step of several processes that each believe they are alone is refused, with what to type") {
  const Variable tasks("SLURM_STEP_NUM_TASKS", "12");
  CHECK_THROWS_AS(refuse_singletons(), UsageError);
  CHECK_THROWS_WITH(refuse_singletons(), Contains("12 processes") && Contains("srun --mpi=pmix"));
}

TEST_CASE("A step of one process, or one that says nothing sensible, is no reason to refuse") {
  const std::string value = GENERATE("1", "0", "", "many", "-4");
  const Variable tasks("SLURM_STEP_NUM_TASKS", value);
  CHECK_NOTHROW(refuse_singletons());
}

TEST_CASE("A batch script's number of tasks is no reason to refuse: every batch script has it") {
  const Variable step("SLURM_STEP_NUM_TASKS", std::nullopt);
  const Variable tasks("SLURM_NTASKS", "64");
  const Variable job("SLURM_JOB_ID", "1234");
  CHECK_NOTHROW(refuse_singletons());
}

TEST_CASE("The Slurm job is known by its number, and outside of one there is none") {
  const Variable inside("SLURM_JOB_ID", "1234");
  CHECK(slurm_job() == "1234");
  const Variable outside("SLURM_JOB_ID", std::nullopt);
  CHECK(slurm_job().empty());
}

TEST_CASE("A process bound to one CPU has one") {
  cpu_set_t all;
  REQUIRE(::sched_getaffinity(0, sizeof all, &all) == 0);
  CHECK(available_cpus() == static_cast<std::uint32_t>(CPU_COUNT(&all)));
  int first = 0;
  while (!CPU_ISSET(first, &all)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  const std::uint32_t bound = available_cpus();
  REQUIRE(::sched_setaffinity(0, sizeof all, &all) == 0);
  CHECK(bound == 1);
}

}  // namespace
}  // namespace tasker::cluster
