#include "cluster/allocation.hpp"

#include "support/forked.hpp"
#include "support/slurm_job.hpp"
#include "support/variable.hpp"

#include <catch2/catch.hpp>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

namespace tasker::cluster {
namespace {

using namespace std::chrono_literals;
using base::Clock;
using test::SlurmJob;
using test::Variable;

/// Looks until an answer from the background has changed something; nothing else may.
void look_until_changed(Allocation& allocation, Clock::time_point now) {
  const auto deadline = Clock::now() + 30s;
  const auto limit = allocation.limit();
  while (!allocation.look(now)) {
    REQUIRE(allocation.limit() == limit);
    REQUIRE(Clock::now() < deadline);
    std::this_thread::yield();
  }
}

/// A script's begin, for what it does only when it is asked for the second time.
std::string second(const SlurmJob& job, const std::string& act) {
  return "if [ $(wc -l < '" + job.place().string() + "/asked') = 2 ]; then " + act + "; exit; fi\n";
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
  const auto later = now + 361s;
  look_until_changed(allocation, later);
  CHECK(allocation.limit()->end == later + 69min);  // counted from when it was asked
  CHECK_FALSE(allocation.look(later + 299s));
  CHECK(job.asked().size() == 2);
}

TEST_CASE("An answer that differs by a little is no change") {
  const SlurmJob job;
  job.squeue("echo '9:00|10:00'");
  Allocation allocation({30s, 1h, 300s});
  const auto now = Clock::now();
  CHECK(allocation.look(now));
  job.squeue(second(job, "echo '3:02|10:00'") + "echo '5:00|10:00'");
  CHECK_FALSE(allocation.look(now + 360s));
  look_until_changed(allocation, now + 721s);
  CHECK(allocation.limit()->end == now + 721s + 5min);  // the third one's
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
  Allocation allocation({30s, 30s, 300s});
  SECTION("it fails") {
    job.squeue("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1");
    CHECK_FALSE(allocation.look(Clock::now()));
    CHECK(allocation.trouble() == "squeue: slurm_load_jobs error: Unable to contact slurm controller");
  }
  SECTION("there is none") {
    const Variable path("PATH", "/nowhere");
    CHECK_FALSE(allocation.look(Clock::now()));
    CHECK(allocation.trouble() == "squeue: No such file or directory");
  }
  CHECK_FALSE(allocation.limit());
}

TEST_CASE("Nobody waits long for an answer, and that there is none is told") {
  const SlurmJob job;
  job.squeue("exec sleep 1000");
  Allocation allocation({10ms, 30s, 300s});
  CHECK_FALSE(allocation.look(Clock::now()));
  CHECK(allocation.trouble() == "squeue does not answer");
  CHECK_FALSE(allocation.limit());
}

TEST_CASE("An answer counts when it is said, whatever squeue does afterwards") {
  const SlurmJob job;
  job.squeue("echo '9:00|10:00'; exec sleep 1000 > /dev/null 2>&1");
  Allocation allocation({30s, 30s, 300s});
  const auto now = Clock::now();
  CHECK(allocation.look(now));
  REQUIRE(allocation.limit());
  CHECK(allocation.limit()->whole == 10min);
}

TEST_CASE("A squeue that can't be ended is not waited for") {
  const SlurmJob job;
  const auto number = job.place() / "number";
  const auto held = job.place() / "held";
  job.squeue("echo $$ > '" + number.string() + ".new'; mv '" + number.string() + ".new' '" + number.string() +
             "'; exec sleep 1000");
  std::optional<Squeue> question("4711");
  // Nobody else hears of the end of a process that is traced, until who traces it has.
  const test::Forked tracer([&] {
    while (!std::filesystem::exists(number)) ::usleep(1000);
    pid_t process = 0;
    std::ifstream(number) >> process;
    const bool traced = ::ptrace(PTRACE_SEIZE, process, nullptr, nullptr) == 0;
    std::ofstream(held) << (traced ? "yes" : "may not") << std::flush;
  });
  test::await([&] { return std::filesystem::exists(held) && std::filesystem::file_size(held) > 0; });
  std::string word;
  std::ifstream(held) >> word;
  if (word != "yes") {
    WARN("needs the right to trace");
    return;
  }
  CHECK_FALSE(question->answer(Clock::now()));
  question.reset();
}

TEST_CASE("An answer that comes late is heard, without another question") {
  const SlurmJob job;
  const std::string answer = job.place() / "answer";
  REQUIRE(::mkfifo(answer.c_str(), 0600) == 0);
  std::fstream answering(answer);  // which does not wait for a reader
  job.squeue("head -n 1 '" + answer + "'");
  Allocation allocation({10ms, 30s, 300s});
  const auto now = Clock::now();
  CHECK_FALSE(allocation.look(now));
  CHECK(allocation.trouble() == "squeue does not answer");
  answering << "9:00|10:00" << std::endl;
  look_until_changed(allocation, now);
  CHECK(allocation.limit()->end == now + 9min);
  CHECK(allocation.trouble().empty());
  CHECK(job.asked().size() == 1);
}

TEST_CASE("What was known still counts when squeue fails later, or hangs") {
  const auto [trouble, timeout] = GENERATE(table<std::string, std::chrono::milliseconds>(
      {{"echo 'Socket timed out' >&2; exit 1", 1h}, {"exec sleep 1000", 30s}}));
  const SlurmJob job;
  job.squeue("echo '9:00|10:00'");
  Allocation allocation({30s, timeout, 300s});
  const auto now = Clock::now();
  CHECK(allocation.look(now));
  job.squeue(second(job, trouble) + "echo '5:00|10:00'");
  CHECK_FALSE(allocation.look(now + 360s));
  const auto deadline = Clock::now() + 30s;
  while (job.asked().size() < 2) {
    REQUIRE(Clock::now() < deadline);
    std::this_thread::yield();
  }
  look_until_changed(allocation, now + 722s);
  CHECK(allocation.limit()->end == now + 722s + 5min);
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
