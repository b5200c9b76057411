#include "base/console.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>

namespace tasker::base {
namespace {

TEST_CASE("What a terminal would obey is shown instead, and all else is as it was") {
  CHECK(escaped("") == "");
  CHECK(escaped("a line\n\tanother one: ä, €, \xF0\x9F\x8D\x80") ==
        "a line\n\tanother one: ä, €, \xF0\x9F\x8D\x80");
  CHECK(escaped("\x1b[2J\a\r\x7f") == R"(\x1b[2J\x07\x0d\x7f)");
  CHECK(escaped(std::string_view("\0", 1)) == R"(\x00)");
  CHECK(escaped("\xC2\x9B"
                "2J, \xC2\xA0, \xC3\x9B, \xE2\x82\x9B") == R"(\x9b2J, )"
                                                           "\xC2\xA0, \xC3\x9B, \xE2\x82\x9B");
  CHECK(escaped("\xC2") == "\xC2");
}

/// What is written to stderr meanwhile.
template <class Fn>
std::string said(Fn fn) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const int before = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  ::close(ends[1]);
  fn();
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  std::string text(1000, 0);
  const auto size = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  REQUIRE(size >= 0);
  text.resize(static_cast<std::size_t>(size));
  return text;
}

TEST_CASE("What nobody reads any more is said to nobody, and ends nobody") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  ::close(ends[0]);
  const int before = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  say("nothing");
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  ::close(ends[1]);
  sigset_t pending;
  ::sigpending(&pending);
  CHECK(::sigismember(&pending, SIGPIPE) == 0);
}

TEST_CASE("Only what is the library's own commands the terminal") {
  CHECK(said([] { say("\x1b[2J\n"); }) == "\\x1b[2J\n");
  CHECK(said([] { say_instead("\x1b[2J"); }) == "\r\x1b[K\\x1b[2J");
}

}  // namespace
}  // namespace tasker::base
