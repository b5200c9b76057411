#include "cluster/allocation.hpp"

#include "support/variable.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace tasker::cluster {
namespace {

using namespace std::chrono_literals;
using test::Variable;
using Clock = Allocation::Clock;

/// A Slurm job whose squeue is a script.
class Job {
 public:
  Job() {
    std::string name = std::filesystem::temp_directory_path() / "tasker-squeue.XXXXXX";
    REQUIRE(::mkdtemp(name.data()));
    place_ = name;
    path_.emplace("PATH", name + ":" + std::getenv("PATH"));
  }
  ~Job() { std::filesystem::remove_all(place_); }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  void squeue(const std::string& script) const {
    const auto file = place_ / "squeue";
    std::ofstream(file) << "#!/bin/sh\necho \"$*\" >> '" << place_.string() << "/asked'\n" << script << "\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  std::vector<std::string> asked() const {
    std::vector<std::string> lines;
    std::ifstream in(place_ / "asked");
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

 private:
  std::filesystem::path place_;
  std::optional<Variable> path_;
  Variable job_{"SLURM_JOB_ID", "4711"};
  Variable start_{"SLURM_JOB_START_TIME", std::nullopt};
  Variable end_{"SLURM_JOB_END_TIME", std::nullopt};
};

/// Looks until what was asked in the background is answered.
bool look_until_asked(Allocation& allocation, const Job& job, std::size_t times, Clock::time_point now) {
  const auto deadline = Clock::now() + 30s;
  for (;;) {
    if (allocation.look(now)) return true;
    if (job.asked().size() == times && Clock::now() > deadline - 29s) return false;
    REQUIRE(Clock::now() < deadline);
    ::usleep(1000);
  }
}

TEST_CASE("squeue is asked at once, and then as seldom as it shall be") {
  const Job job;
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
  const Job job;
  job.squeue("echo '9:00|10:00'");
  Allocation allocation({30s, 30s, 300s});
  const auto now = Clock::now();
  CHECK(allocation.look(now));
  job.squeue("echo '3:02|10:00'");
  CHECK_FALSE(look_until_asked(allocation, job, 2, now + 360s));
}

TEST_CASE("A job without a limit has none") {
  const Job job;
  job.squeue("echo 'UNLIMITED|UNLIMITED'");
  Allocation allocation({30s, 30s, 300s});
  CHECK_FALSE(allocation.look(Clock::now()));
  CHECK_FALSE(allocation.limit());
  CHECK(allocation.trouble().empty());
}

TEST_CASE("Why it is not known is told") {
  const Job job;
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

TEST_CASE("What was known still counts when squeue fails later, or hangs") {
  const Job job;
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
  const Job job;
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
  const Job job;
  job.squeue("echo '9:00|10:00'");
  const Variable none("SLURM_JOB_ID", std::nullopt);
  Allocation allocation;
  CHECK_FALSE(allocation.look(Clock::now()));
  CHECK_FALSE(allocation.limit());
  CHECK(job.asked().empty());
}

}  // namespace
}  // namespace tasker::cluster
