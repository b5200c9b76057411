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

TEST_CASE("What nobody expects is told, too, with the exit code of the outermost") {
  struct Silent : std::exception {
    const char* what() const noexcept override { return nullptr; }
  };
  CHECK(describe(std::make_exception_ptr(Silent())).message == "what() is null");
  CHECK(describe(std::make_exception_ptr(7)).message == "an exception of type int");
  try {
    try {
      throw Silent();
    } catch (...) {
      std::throw_with_nested(UsageError("no mesh"));
    }
  } catch (...) {
    const End end = describe(std::current_exception());
    CHECK(end.message == "no mesh: what() is null");
    CHECK(end.type == "usage");
    CHECK(end.exit_code == exit_usage);
  }
}

}  // namespace
}  // namespace tasker::runtime
