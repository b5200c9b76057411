#include "run/map_end.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

namespace tasker::runtime {
namespace {

TEST_CASE("Every rank learns of failed tasks what rank 0 does") {
  const TasksFailed thrown("3 of 9 tasks failed", 3, 9,
                           {{4, "signal SIGSEGV", 2, "the last\nlines"}, {7, "why", 1, ""}});
  try {
    std::rethrow_exception(to_exception(describe(std::make_exception_ptr(thrown))));
  } catch (const TasksFailed& failed) {
    CHECK(failed.what() == std::string("3 of 9 tasks failed"));
    CHECK(failed.failed() == 3);
    CHECK(failed.total() == 9);
    REQUIRE(failed.first().size() == 2);
    CHECK(failed.first()[0].index == 4);
    CHECK(failed.first()[0].message == "signal SIGSEGV");
    CHECK(failed.first()[0].count == 2);
    CHECK(failed.first()[0].output == "the last\nlines");
    CHECK(failed.first()[1].index == 7);
  }
}

}  // namespace
}  // namespace tasker::runtime
