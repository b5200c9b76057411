#include "base/exceptions.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>

namespace tasker::base {
namespace {

struct Silent : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

template <class Throw>
std::exception_ptr thrown_by(Throw action) {
  try {
    action();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

/// `levels` exceptions, one in the other.
void fail(int levels) {
  try {
    if (levels == 1) throw 7;
    fail(levels - 1);
  } catch (...) {
    if (levels == 1) throw;
    std::throw_with_nested(std::runtime_error("level " + std::to_string(levels)));
  }
}

TEST_CASE("An exception tells what it says, and of which type it is") {
  const auto error = std::make_exception_ptr(std::out_of_range("far away"));
  CHECK(text_of(error) == "far away");
  CHECK(typed_text_of(error) == "std::out_of_range: far away");
  CHECK(text_of(std::make_exception_ptr(std::string("a text"))) == "a text");
  CHECK(text_of(thrown_by([] { throw static_cast<const char*>(nullptr); })) == "null");
  CHECK(text_of(std::make_exception_ptr(7)) == "an exception of type int");
  CHECK(text_of(std::make_exception_ptr(Silent())) == "what() is null");
}

TEST_CASE("An exception tells of those that are nested in it, but not for ever") {
  const auto three = thrown_by([] { fail(3); });
  CHECK(text_of(three) == "level 3: level 2: an exception of type int");
  CHECK(typed_text_of(three) ==
        "std::runtime_error: level 3: std::runtime_error: level 2: an exception of type int");
  const auto text = thrown_by([] {
    try {
      throw Silent();
    } catch (...) {
      std::throw_with_nested(std::string("outer"));
    }
  });
  CHECK(text_of(text) == "outer: what() is null");
  const std::string many = text_of(thrown_by([] { fail(1000); }));
  CHECK_THAT(many, Catch::StartsWith("level 1000: level 999: ") && Catch::EndsWith("level 993: ..."));
  CHECK(text_of(thrown_by([] { std::throw_with_nested(std::runtime_error("alone")); })) == "alone");
}

}  // namespace
}  // namespace tasker::base
