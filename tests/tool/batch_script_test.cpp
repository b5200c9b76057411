#include "tool/batch_script.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <string>

namespace tasker::tool {
namespace {

using Catch::Contains;

TEST_CASE("A batch script says all that was asked for, each word quoted where it must be") {
  BatchJob job;
  job.tool = "/opt/my tools/tasker";
  job.program = {"bin/my job", "input.txt", "a b", "it's", "", "$HOME"};
  job.time = "2:00:00";
  job.flags = {"--nodes=2", "--mem=4G", "--comment=two \"words\" \\"};
  job.requeues = 3;
  job.variables = {{"TASKER_COLUMNS", "a,b"}, {"TASKER_SLOTS", "$(reboot)"}};
  CHECK(batch_script(job) == R"(#!/bin/bash
# Written by tasker submit; `sbatch 'my job.sbatch'` submits it once more.
#SBATCH "--job-name=my job"
#SBATCH "--output=my job-%j.out"
#SBATCH --open-mode=append
#SBATCH --export=ALL
#SBATCH --requeue
#SBATCH --time=2:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --nodes=2
#SBATCH --mem=4G
#SBATCH "--comment=two \"words\" \\"

export TASKER_COLUMNS=a,b
export TASKER_SLOTS='$(reboot)'

# Ranks and hosts may die under tasker launch. It takes this shell's place, so that Slurm's signals reach it: USR1,
# shortly before the end, lets it finish what runs; TERM ends it.
# When it is stopped early, by those or by the time limit, but not by scancel, it puts this job back into the queue.
exec '/opt/my tools/tasker' launch --requeue 3 'bin/my job' input.txt 'a b' 'it'\''s' '' '$HOME'
)");
}

TEST_CASE("Without requeues a job ends for good, and without a limit nothing is told before its end") {
  BatchJob job;
  job.tool = "/usr/bin/tasker";
  job.program = {"./myjob"};
  job.requeues = 0;
  const std::string script = batch_script(job);
  CHECK_THAT(script, Contains("#SBATCH --no-requeue\n"));
  CHECK_THAT(script, Contains("\nexec /usr/bin/tasker launch ./myjob\n"));
  CHECK_THAT(script, !Contains("--signal") && !Contains("--time") && !Contains("export "));
}

TEST_CASE("The members of an array have an output each, and are told that they work on the same") {
  BatchJob job;
  job.tool = "/usr/bin/tasker";
  job.program = {"./myjob"};
  job.array = "20%5";
  const std::string script = batch_script(job);
  CHECK_THAT(script, Contains("#SBATCH --array=1-20%5\n#SBATCH --output=myjob-%A_%a.out\n"));
  CHECK_THAT(script, Contains("\nexec /usr/bin/tasker launch --requeue 10 --array ./myjob\n"));
}

TEST_CASE("A number alone says how many members there are, the rest is sbatch's") {
  const auto [text, indices] = GENERATE(table<std::string, std::string>({{"20", "1-20"},
                                                                         {"20%5", "1-20%5"},
                                                                         {"1-20", "1-20"},
                                                                         {"0-15:4%2", "0-15:4%2"},
                                                                         {"1,3,5-7", "1,3,5-7"},
                                                                         {"soon", "soon"},
                                                                         {"%5", "%5"}}));
  CAPTURE(text);
  BatchJob job;
  job.program = {"./myjob"};
  job.array = text;
  CHECK_THAT(batch_script(job), Contains("#SBATCH --array=" + indices + "\n"));
}

TEST_CASE("A flag of two lines would be a line of the script") {
  BatchJob job;
  job.tool = "tasker";
  job.program = {"myjob"};
  job.flags = {"--comment=one\nreboot"};
  CHECK_THROWS_AS(batch_script(job), UsageError);
}

TEST_CASE("A job is told to finish a tenth of its time before the end, two minutes at most") {
  const auto [time, seconds] = GENERATE(table<std::string, long>({{"10", 60},
                                                                  {"10:00", 60},
                                                                  {"15:30", 93},
                                                                  {"20", 120},
                                                                  {"0:19:00", 114},
                                                                  {"4:00:00", 120},
                                                                  {"1-0", 120},
                                                                  {"0-0:11", 66},
                                                                  {"0-0:11:10", 67},
                                                                  {"7-12:00:00", 120}}));
  CAPTURE(time);
  CHECK(drain_seconds(time) == seconds);
}

TEST_CASE("Short jobs, and those without a limit, are not told before their end") {
  const std::string time = GENERATE("", "0", "9", "9:59", "0:09:59", "0-0:9", "UNLIMITED", "INFINITE");
  CAPTURE(time);
  CHECK_FALSE(drain_seconds(time));
}

TEST_CASE("What is no time limit is refused") {
  const std::string time = GENERATE("x", "4h", "-5", "1:", ":1", "1:2:3:4", "1-2:3:4:5", "1-", "1-2-3",
                                    "1:2-3", "10 ", "99999999999", "99999999999999999999");
  CAPTURE(time);
  CHECK_THROWS_AS(drain_seconds(time), UsageError);
}

}  // namespace
}  // namespace tasker::tool
