#include "runtime/settings.hpp"

#include "execute/work.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace tasker::runtime {
namespace {

using Catch::Contains;

Settings settings(const std::string& variable, Options options = {}) {
  return apply_environment(std::move(options), std::vector<std::string>{variable});
}

TEST_CASE("Without variables the program's options stand, and nothing is said") {
  Options options;
  options.version = "3";
  options.seed = 7;
  options.columns = {"a", "b"};
  const Settings same = apply_environment(options, {"HOME=/root", "TASKERX=1", "XTASKER_SEED=9"});
  CHECK(same.options.version == "3");
  CHECK(same.options.seed == 7);
  CHECK(same.options.columns == options.columns);
  CHECK_FALSE(same.dry_run);
  CHECK(same.notes.empty());
}

TEST_CASE("Every option has a variable that overrides it") {
  CHECK(settings("TASKER_SEED=18446744073709551615").options.seed == 18446744073709551615u);
  CHECK(settings("TASKER_INPUTS=00112233445566778899aabbccddeeff").options.inputs != Digest{});
  CHECK(settings("TASKER_DURABILITY=power").options.durability == Durability::power);
  CHECK(settings("TASKER_ON_FAILURE=stop").options.on_failure == OnFailure::stop);
  CHECK(settings("TASKER_ON_FAILURE=keep").options.on_failure == OnFailure::keep);
  CHECK_FALSE(settings("TASKER_KEEP_ARGUMENTS=off").options.keep_arguments);
  CHECK(settings("TASKER_SHARED=1").options.shared);
  CHECK(settings("TASKER_KEEP_DIRECTORY=1").options.keep_directory);
  CHECK(settings("TASKER_COLUMNS=x,y z,w").options.columns == std::vector<std::string>{"x", "y z", "w"});
  CHECK(settings("TASKER_PROGRESS=line").options.progress == Progress::line);
  CHECK(settings("TASKER_PROGRESS=log").options.progress == Progress::log);
  CHECK(settings("TASKER_PROGRESS=off").options.progress == Progress::off);
  CHECK(settings("TASKER_DRY_RUN=1").dry_run);
  CHECK(settings("TASKER_ISOLATION=process").options.isolation == Isolation::process);
  CHECK(settings("TASKER_CAPTURE=none").options.capture == Capture::none);
  CHECK(settings("TASKER_CAPTURE=all").options.capture == Capture::all);
  CHECK(settings("TASKER_SLOTS=8").options.slots == 8);
  CHECK(settings("TASKER_RETRIES=3").options.retries == 3);
  CHECK(settings("TASKER_RETRY_AFTER=5m").options.retry_after == std::chrono::minutes(5));
  CHECK(settings("TASKER_JOIN=never").options.join == Joining::never);
  CHECK(settings("TASKER_JOIN=automatic", {.join = Joining::never}).options.join == Joining::automatic);
  CHECK(settings("TASKER_JOIN=path/of/ticket").options.ticket == "path/of/ticket");
  CHECK(settings("TASKER_LISTEN=eth0:4000-4010").options.listen == "eth0:4000-4010");
  CHECK(settings("TASKER_INVITE=ticket").options.invite == "ticket");
  CHECK(settings("TASKER_IDLE_TIMEOUT=0s").options.idle_timeout == std::chrono::nanoseconds(0));
  CHECK(settings("TASKER_JOIN_OTHER_BUILDS=1").options.join_other_builds);
  CHECK(settings("TASKER_LEASE=30s").options.lease == std::chrono::seconds(30));
  CHECK(settings("TASKER_MAX_FAILED=5").options.max_failed == 5);
  CHECK(settings("TASKER_TIMEOUT=90s").options.timeout == std::chrono::seconds(90));
  CHECK(settings("TASKER_TIME_LIMIT=4h").options.time_limit == std::chrono::hours(4));
  CHECK(settings("TASKER_DEADLINE=1800000000").options.deadline ==
        std::chrono::system_clock::from_time_t(1800000000));
  CHECK(settings("TASKER_ORDER=longest_first").options.order == Order::longest_first);
  CHECK(settings("TASKER_MEMORY_LIMIT=2G").options.memory_limit == std::uint64_t{2} << 30);
}

TEST_CASE("What isolates tasks gives each rank a slot at least") {
  CHECK(execute::slots_of({}) == 0);
  CHECK(execute::slots_of({.isolation = Isolation::process}) == 1);
  CHECK(execute::slots_of({.slots = 8}) == 8);
  CHECK(execute::slots_of({.isolation = Isolation::process, .slots = 8}) == 8);
  CHECK(execute::slots_of({.timeout = std::chrono::seconds(1)}) == 1);
  CHECK(execute::slots_of({.memory_limit = 1}) == 1);
}

TEST_CASE("A variable can also restore a default") {
  Options options;
  options.durability = Durability::power;
  options.on_failure = OnFailure::keep;
  options.keep_arguments = false;
  options.progress = Progress::off;
  options.columns = {"a"};
  CHECK(settings("TASKER_DURABILITY=process", options).options.durability == Durability::process);
  CHECK(settings("TASKER_ON_FAILURE=finish", options).options.on_failure == OnFailure::finish);
  CHECK(settings("TASKER_KEEP_ARGUMENTS=yes", options).options.keep_arguments);
  options.capture = Capture::all;
  CHECK(settings("TASKER_CAPTURE=failures", options).options.capture == Capture::failures);
  CHECK(settings("TASKER_PROGRESS=automatic", options).options.progress == Progress::automatic);
  CHECK(settings("TASKER_COLUMNS=", options).options.columns.empty());
}

TEST_CASE("Yes and no have several names") {
  for (const std::string yes : {"1", "on", "yes", "true"}) CHECK(settings("TASKER_DRY_RUN=" + yes).dry_run);
  for (const std::string no : {"0", "off", "no", "false"})
    CHECK_FALSE(settings("TASKER_DRY_RUN=" + no).dry_run);
}

TEST_CASE("What is overridden is said") {
  const Settings changed = apply_environment({}, {"TASKER_SEED=7", "PATH=/bin", "TASKER_PROGRESS=log"});
  CHECK(changed.notes == std::vector<std::string>{"TASKER_SEED=7 from the environment",
                                                  "TASKER_PROGRESS=log from the environment"});
}

TEST_CASE("A malformed value is a usage error that names the variable, its value and what is wanted") {
  const auto [variable, wanted] = GENERATE(table<std::string, std::string>({
      {"TASKER_SEED=seven", "whole number"},
      {"TASKER_SEED=-1", "whole number"},
      {"TASKER_SEED= 1", "whole number"},
      {"TASKER_SEED=1.5", "whole number"},
      {"TASKER_SEED=18446744073709551616", "whole number"},
      {"TASKER_INPUTS=0011", "32 hexadecimal digits"},
      {"TASKER_INPUTS=00112233445566778899aabbccddeefg", "32 hexadecimal digits"},
      {"TASKER_INPUTS=00112233445566778899aabbccddeeff0", "32 hexadecimal digits"},
      {"TASKER_DURABILITY=Power", "process or power"},
      {"TASKER_ON_FAILURE=ignore", "finish or stop or keep"},
      {"TASKER_KEEP_ARGUMENTS=2", "true or false"},
      {"TASKER_PROGRESS=bar", "line or log or off"},
      {"TASKER_DRY_RUN=maybe", "true or false"},
      {"TASKER_ISOLATION=yes", "none or process"},
      {"TASKER_CAPTURE=yes", "none or failures or all"},
      {"TASKER_SLOTS=4097", "up to 4096"},
      {"TASKER_SLOTS=-1", "whole number"},
      {"TASKER_RETRIES=many", "whole number"},
      {"TASKER_RETRY_AFTER=5", "duration such as 90s"},
      {"TASKER_MAX_FAILED=-1", "whole number"},
      {"TASKER_TIMEOUT=90", "duration such as 90s"},
      {"TASKER_TIME_LIMIT=4", "duration such as 90s"},
      {"TASKER_DEADLINE=tomorrow", "local time such as"},
      {"TASKER_ORDER=shortest", "as_given or longest_first"},
      {"TASKER_MEMORY_LIMIT=2GB", "size such as 500M"},
  }));
  INFO(variable);
  CHECK_THROWS_AS(settings(variable), UsageError);
  CHECK_THROWS_WITH(settings(variable), Contains(variable) && Contains(wanted));
}

TEST_CASE("An unknown variable is said with the nearest known name, and changes nothing") {
  const auto [variable, nearest] = GENERATE(table<std::string, std::string>({
      {"TASKER_SEDE=7", "TASKER_SEED"},
      {"TASKER_PROGRES=off", "TASKER_PROGRESS"},
      {"TASKER_ONFAILURE=stop", "TASKER_ON_FAILURE"},
      {"TASKER_DRYRUN=1", "TASKER_DRY_RUN"},
      {"TASKER_COLUMN=a", "TASKER_COLUMNS"},
  }));
  const Settings same = settings(variable);
  const std::string name = variable.substr(0, variable.find('='));
  CHECK(same.notes ==
        std::vector<std::string>{"unknown variable " + name + "; did you mean " + nearest + "?"});
  CHECK(same.options.seed == 0);
  CHECK_FALSE(same.dry_run);
}

TEST_CASE("An unknown variable that is like no other is said, and nothing is suggested") {
  CHECK(settings("TASKER_THREADS=4").notes == std::vector<std::string>{"unknown variable TASKER_THREADS"});
  CHECK(settings("TASKER_=").notes == std::vector<std::string>{"unknown variable TASKER_"});
}

TEST_CASE("An empty value is none, except of a list") {
  for (const std::string name : {"SEED", "INPUTS", "DURABILITY", "ON_FAILURE", "KEEP_ARGUMENTS",
                                 "KEEP_DIRECTORY", "PROGRESS", "DRY_RUN"}) {
    INFO(name);
    CHECK(settings("TASKER_" + name + "=").notes.empty());
  }
  CHECK(settings("TASKER_COLUMNS=").notes.size() == 1);
}

TEST_CASE("The version belongs to the code: it has no variable") {
  Options options;
  options.version = "3";
  const Settings same = settings("TASKER_VERSION=4", options);
  CHECK(same.options.version == "3");
  REQUIRE(same.notes.size() == 1);
  CHECK_THAT(same.notes[0],
             Contains("TASKER_VERSION") && Contains("belongs to the code") && !Contains("mean"));
}

TEST_CASE("The process's own environment is read when none is given") {
  ::setenv("TASKER_SEED", "1234", 1);
  CHECK(apply_environment(Options{}).options.seed == 1234);
  ::unsetenv("TASKER_SEED");
  CHECK(apply_environment(Options{}).options.seed == 0);
}

TEST_CASE("What is set in code is refused as what is set in the environment would be") {
  using namespace std::chrono_literals;
  const auto refused = [](const Options& options) {
    CHECK_THROWS_AS(apply_environment(options, {}), UsageError);
  };
  refused({.slots = 5000});
  refused({.retries = 1001});
  refused({.retry_after = -1s});
  refused({.timeout = -1s});
  refused({.lost_after = 1s});
  refused({.lost_after = std::chrono::nanoseconds::max()});
  refused({.lease = 4s});
  refused({.max_lost = 1001});
  CHECK_NOTHROW(apply_environment({.slots = 4096, .lost_after = 2s}, {}));
}

}  // namespace
}  // namespace tasker::runtime
