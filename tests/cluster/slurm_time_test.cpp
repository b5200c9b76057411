#include "cluster/slurm_time.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace tasker::cluster {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Slurm's durations, from seconds to days") {
  CHECK(parse_slurm_duration("45") == 45s);
  CHECK(parse_slurm_duration("0:45") == 45s);
  CHECK(parse_slurm_duration("1:00") == 60s);
  CHECK(parse_slurm_duration("59:59") == 3599s);
  CHECK(parse_slurm_duration("2:03:04") == 2h + 3min + 4s);
  CHECK(parse_slurm_duration("1-02:03:04") == 26h + 3min + 4s);
  CHECK(parse_slurm_duration("1-02:03") == 26h + 3min);
  CHECK(parse_slurm_duration("30-0") == 720h);
}

TEST_CASE("What is no duration is none") {
  const std::string text =
      GENERATE(as<std::string>{}, "", ":", "1:", ":1", "-1", "-", "1-", "-1:00", "1:-5", "1:2:3:4", "x", "1h",
               "1:00 ", "99999999999999999999", "40000-0", "999999999999:0", "1.5", "+5");
  INFO(text);
  CHECK_FALSE(parse_slurm_duration(text));
}

TEST_CASE("squeue's answers, as it writes them") {
  const auto minute = parse_squeue("0:45|1:00\n");
  REQUIRE(minute);
  CHECK(minute->left == 45s);
  CHECK(minute->limit == 60s);

  const auto days = parse_squeue("1-23:59:58|2-00:00:00\n");
  REQUIRE(days);
  CHECK(days->left == 48h - 2s);
  CHECK(days->limit == 48h);

  const auto endless = parse_squeue("UNLIMITED|UNLIMITED\n");
  REQUIRE(endless);
  CHECK_FALSE(endless->left);
  CHECK_FALSE(endless->limit);

  // Beyond its limit, before it is killed.
  const auto late = parse_squeue("INVALID|1:00\n");
  REQUIRE(late);
  CHECK(late->left == 0s);
  CHECK(late->limit == 60s);

  const auto components = parse_squeue("9:00|10:00\n9:00|10:00\n");
  REQUIRE(components);
  CHECK(components->left == 9min);

  const auto starting = parse_squeue("NOT_SET|5:00\n");
  REQUIRE(starting);
  CHECK_FALSE(starting->left);
}

TEST_CASE("What else squeue may write is no answer") {
  const std::string text =
      GENERATE(as<std::string>{}, "", "\n", "|", "1:00", "slurm_load_jobs error: Invalid job id specified\n",
               "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n", "1:00|\n",
               "|1:00\n", "1:00|x\n", "1:00|2:00 and more\n");
  INFO(text);
  CHECK_FALSE(parse_squeue(text));
}

}  // namespace
}  // namespace tasker::cluster
