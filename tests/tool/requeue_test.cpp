#include "tool/requeue.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace tasker::tool {
namespace {

TEST_CASE("A job that comes back counts until fewer tasks are left") {
  std::string history;
  const auto after = [&history](const std::string& lines) { return stalled(history += lines); };
  CHECK(stalled(history) == 0);
  CHECK(after("a 41\n") == 0);
  CHECK(after("requeued\n") == 1);
  CHECK(after("a 41\n") == 1);
  CHECK(after("requeued\n") == 2);
  CHECK(after("requeued\n") == 3);  // it ended before it came to the map
  CHECK(after("a 42\nrequeued\n") == 4);
  CHECK(after("a 41\n") == 4);
  CHECK(after("a 40\n") == 0);
  CHECK(after("requeued\na 41\n") == 1);
  CHECK(after("a 39\n") == 0);
}

TEST_CASE("While another run is at work, how often a job comes back counts for nothing") {
  CHECK(stalled("a 41\nheld\nrequeued\nheld\nrequeued\n") == 0);
  CHECK(stalled("a 41\nrequeued\nheld\nrequeued\nrequeued\n") == 2);
}

TEST_CASE("Several maps in each run: whatever is done of any of them is progress") {
  CHECK(stalled("a 3\nb 50\nrequeued\na 3\nb 50\nrequeued\na 3\nb 50\n") == 2);
  CHECK(stalled("a 3\nb 50\nrequeued\na 3\nb 50\nrequeued\na 3\nb 49\n") == 0);
  CHECK(stalled("a 3\nb 50\nrequeued\na 2\nb 50\nrequeued\n") == 1);
}

TEST_CASE("Another map is progress, however many tasks are left of it") {
  CHECK(stalled("a 1\nrequeued\nrequeued\na 1\nb 100\n") == 0);
  CHECK(stalled("a 1\nrequeued\na 1\nb 100\nrequeued\nb 100\nrequeued\n") == 2);
}

TEST_CASE("Lines that make no sense, and a torn one, say nothing") {
  CHECK(stalled("a 5\nrequeued\n\na\na x\nrequeued twice\nrequ") == 1);
}

TEST_CASE("A job may come back that ended by itself or by its time limit, but not one that was cancelled") {
  const std::string head = "JobId=12 JobName=x UserId=root(0) Priority=1 Nice=0 ";
  CHECK(may_come_back(head + "JobState=RUNNING Reason=None Dependency=(null) Requeue=1 Restarts=0"));
  CHECK(may_come_back(head + "JobState=COMPLETING Reason=TimeLimit Dependency=(null) Requeue=1"));
  CHECK(is_at_limit(head + "JobState=COMPLETING Reason=TimeLimit Dependency=(null) Requeue=1"));
  CHECK_FALSE(is_at_limit(head + "JobState=RUNNING Reason=None Dependency=(null) Requeue=1 Restarts=0"));
  CHECK_FALSE(may_come_back(head + "JobState=COMPLETING Reason=None Dependency=(null) Requeue=1 Restarts=1"));
  CHECK_FALSE(may_come_back(head + "JobState=CANCELLED Reason=None Dependency=(null)"));
  CHECK_FALSE(may_come_back(head + "JobState=PENDING Reason=BeginTime Dependency=(null)"));
}

}  // namespace
}  // namespace tasker::tool
