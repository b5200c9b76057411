#include "cluster/allocation.hpp"

#include "support/slurm_job.hpp"
#include "support/variable.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <chrono>
#include <string>

namespace tasker::cluster {
namespace {

using namespace std::chrono_literals;
using test::SlurmJob;
using test::Variable;
using Clock = Allocation::Clock;

/// Looks until what was asked in the background is answered.
bool look_until_asked(Allocation& allocation, const SlurmJob& job, std::size_t times, Clock::time_point now) {
  const auto deadline = Clock::now() + 30s;
  for (;;) {
    if (allocation.look(now)) return true;
    if (job.asked().size() == times && Clock::now() > deadline - 29s) return false;
    REQUIRE(Clock::now() < deadline);
    ::usleep(1000);
  }
}

TEST_CASE("squeue is asked at once, and then as seldom as it shall be") {
  const SlurmJob job;
  job.squeue("echo '9:00|10:00'");
  Allocation allocation({30s, 30s, 300s});
  const auto now = Clock::now();
  CHECK(allocation.look(now));
  REQUIRE(allocation.limit());
  CHECK(allocation.limit()->whole == 10min);
  CHECK(allocation.limit()->end - now >= 9min);
  CHECK(allocation.limit()->end - now < 10min);
  CHECK(job.asked() == std::vector<std::string>{"-h -j 4711 -o %L|%l"});

  job.squeue("echo '1:09:00|1:10:00'");
  CHECK_FALSE(allocation.look(now + 299s));
  CHECK_FALSE(look_until_asked(allocation, job, 1, now + 299s));
  const auto later = now + 361s;
  CHECK(look_until_asked(allocation, job, 2, later));
  CHECK(allocation.limit()->end == later + 69min);
  CHECK_FALSE(allocation.look(later + 299s));
  CHECK(job.asked().size() == 2);
}

TEST_CASE("An answer that differs by a little is no change") {
  const SlurmJob job;
  job.squeue("echo '9:00|10:00'");
  Allocation allocation({30s, 30s, 300s});
  const auto now = Clock::now();
  CHECK(allocation.look(now));
  job.squeue("echo '3:02|10:00'");
  CHECK_FALSE(look_until_asked(allocation, job, 2, now + 360s));
}

TEST_CASE("A job without a limit has none") {
  const SlurmJob job;
  job.squeue("echo 'UNLIMITED|UNLIMITED'");
  Allocation allocation({30s, 30s, 300s});
  CHECK_FALSE(allocation.look(Clock::now()));
  CHECK_FALSE(allocation.limit());
  CHECK(allocation.trouble().empty());
}

TEST_CASE("Why it is not known is told") {
  const SlurmJob job;
  Allocation allocation({2s, 30s, 300s});
  SECTION("it fails") {
    job.squeue("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1");
    CHECK_FALSE(allocation.look(Clock::now()));
    CHECK(allocation.trouble() == "squeue: slurm_load_jobs error: Unable to contact slurm controller");
  }
  SECTION("it does not answer") {
    job.squeue("exec sleep 1000");
    CHECK_FALSE(allocation.look(Clock::now()));
    CHECK(allocation.trouble() == "squeue does not answer");
  }
  SECTION("there is none") {
    const Variable path("PATH", "/nowhere");
    CHECK_FALSE(allocation.look(Clock::now()));
    CHECK(allocation.trouble() == "squeue: No such file or directory");
  }
  CHECK_FALSE(allocation.limit());
}

TEST_CASE("An answer that comes late is heard, without another question") {
  const SlurmJob job;
  const auto answer = job.place() / "answer";
  job.squeue("until [ -e '" + answer.string() + "' ]; do sleep 0.01; done; echo '9:00|10:00'");
  Allocation allocation({10ms, 30s, 300s});
  const auto now = Clock::now();
  CHECK_FALSE(allocation.look(now));
  CHECK(allocation.trouble() == "squeue does not answer");
  std::ofstream(answer).flush();
  CHECK(look_until_asked(allocation, job, 1, now));
  CHECK(allocation.limit()->end == now + 9min);
  CHECK(allocation.trouble().empty());
  CHECK(job.asked().size() == 1);
}

TEST_CASE("What was known still counts when squeue fails later, or hangs") {
  const SlurmJob job;
  job.squeue("echo '9:00|10:00'");
  Allocation allocation({30s, 30s, 300s});
  const auto now = Clock::now();
  CHECK(allocation.look(now));
  const auto limit = allocation.limit();
  SECTION("it fails") { job.squeue("echo 'slurm_load_jobs error: Socket timed out' >&2; exit 1"); }
  SECTION("it hangs") { job.squeue("exec sleep 1000"); }
  CHECK_FALSE(look_until_asked(allocation, job, 2, now + 360s));
  CHECK_FALSE(allocation.look(now + 391s));
  CHECK(allocation.limit() == limit);
  CHECK(allocation.trouble().empty());
}

TEST_CASE("The environment of a newer Slurm is believed without asking") {
  const SlurmJob job;
  job.squeue("echo '9:00|10:00'");
  const auto wall =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  const Variable start("SLURM_JOB_START_TIME", std::to_string((wall - 60s).count()));
  const Variable end("SLURM_JOB_END_TIME", std::to_string((wall + 3600s).count()));
  Allocation allocation({30s, 30s, 300s});
  CHECK(allocation.look(Clock::now()));
  CHECK(allocation.limit()->whole == 3660s);
  CHECK(job.asked().empty());
}

TEST_CASE("Times of the environment that make no sense are none") {
  const Clock::time_point now{};
  CHECK(limit_of_environment("900", "2000", 1000s, now) == TimeLimit{now + 1000s, 1100s});
  CHECK(limit_of_environment(nullptr, "2000", 1000s, now) == TimeLimit{now + 1000s, 1000s});
  CHECK(limit_of_environment("7000", "2000", 1000s, now) == TimeLimit{now + 1000s, 1000s});
  CHECK(limit_of_environment("900", "950", 1000s, now) == TimeLimit{now - 50s, 50s});
  for (const char* const end : {"", "x", "0", "-5", "20x", "99999999999999"}) {
    INFO(end);
    CHECK_FALSE(limit_of_environment("900", end, 1000s, now));
  }
  CHECK_FALSE(limit_of_environment("900", nullptr, 1000s, now));
}

TEST_CASE("Outside of Slurm there is no limit, and nobody is asked") {
  const SlurmJob job;
  job.squeue("echo '9:00|10:00'");
  const Variable none("SLURM_JOB_ID", std::nullopt);
  Allocation allocation;
  CHECK_FALSE(allocation.look(Clock::now()));
  CHECK_FALSE(allocation.limit());
  CHECK(job.asked().empty());
}

}  // namespace
}  // namespace tasker::cluster
