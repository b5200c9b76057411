#include "talk/thrown.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <new>
#include <string>
#include <system_error>

namespace tasker::talk {
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
    const Thrown end = describe(std::current_exception());
    CHECK(end.message == "no mesh: what() is null");
    CHECK(end.type == "usage");
    CHECK(end.exit_code == exit_usage);
  }
}

TEST_CASE("What the system refuses to the standard library is a SystemError on all ranks, rank 0 too") {
  const auto message_of = [](const auto& exception) {
    try {
      try {
        throw exception;
      } catch (...) {
        rethrow_as_error();
      }
    } catch (const SystemError& error) {
      CHECK(describe(std::current_exception()).exit_code == exit_system);
      return std::string(error.what());
    }
  };
  using std::errc;
  CHECK_THAT(message_of(std::system_error(std::make_error_code(errc::resource_unavailable_try_again))),
             Catch::Contains(
                 "a thread could not be started: Resource temporarily unavailable; allow more processes"));
  CHECK(message_of(std::bad_alloc()) == "there is no memory left");
  CHECK_THAT(message_of(std::filesystem::filesystem_error("cannot list", "/a/place",
                                                          std::make_error_code(errc::io_error))),
             Catch::Contains("cannot list") && Catch::Contains("/a/place"));
}

TEST_CASE("What is thrown again as an Error stays what it is if it is one") {
  const auto again = [] {
    try {
      throw Interrupted("the time is up");
    } catch (...) {
      rethrow_as_error();
    }
  };
  CHECK_THROWS_AS(again(), Interrupted);
}

}  // namespace
}  // namespace tasker::talk
