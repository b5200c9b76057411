#include "store/state.hpp"

#include "base/file.hpp"
#include "base/names.hpp"
#include "store/fence.hpp"
#include "support/root.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <string>

namespace tasker::store {
namespace {

using test::TemporaryDirectory;
using test::write_file;

const StateName name{17, {0x0123456789abcdef, 0xfedcba9876543210}};

TEST_CASE("A state's name is read as it was written, and no other name is") {
  CHECK(name.to_string() == "17-fedcba98765432100123456789abcdef.state");
  const auto parsed = StateName::parse(name.to_string());
  REQUIRE(parsed);
  CHECK(parsed->index == 17);
  CHECK(parsed->fingerprint == name.fingerprint);
  for (const char* const other :
       {"", ".state", "17-.state", "-fedcba98765432100123456789abcdef.state",
        "17-fedcba98765432100123456789abcde.state", "017-fedcba98765432100123456789abcdef.state",
        "17-FEDCBA98765432100123456789abcdef.state",
        "17-fedcba98765432100123456789abcdef.state.0123456789abcdef",
        "../17-fedcba98765432100123456789abcdef.state"})
    CHECK_FALSE(StateName::parse(other));
}

TEST_CASE("The state that was saved last is read, and none where there is none") {
  const TemporaryDirectory home;
  CHECK_FALSE(read_state(home.path(), name));
  write_state(home.path(), name, "half-way", true);
  CHECK(read_state(home.path(), name) == "half-way");
  write_state(home.path(), name, "", false);
  CHECK(read_state(home.path(), name) == "");
  CHECK(list_states(home.path()).size() == 1);
  CHECK_FALSE(read_state(home.path(), {18, name.fingerprint}));
  remove_state(home.path(), name);
  CHECK_FALSE(read_state(home.path(), name));
  CHECK(list_states(home.path()).empty());
}

TEST_CASE("A state is believed whole or not at all: cut at any byte, or with any bit flipped, it is none") {
  const TemporaryDirectory home;
  write_state(home.path(), name, "half-way", false);
  const auto path = home.path() / name.to_string();
  const std::string whole(base::Mapping(path).bytes());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_file(path, whole.substr(0, size));
    CHECK_FALSE(read_state(home.path(), name));
  }
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    write_file(path, flipped);
    CHECK_FALSE(read_state(home.path(), name));
  }
  // That of another task, under this name.
  write_state(home.path(), {17, {1, 2}}, "half-way", false);
  base::rename_file(home.path() / StateName{17, {1, 2}}.to_string(), path);
  CHECK_FALSE(read_state(home.path(), name));
}

TEST_CASE("A state that was not finished is a leftover; a state is not") {
  const TemporaryDirectory home;
  write_state(home.path(), name, "half-way", false);
  write_file(temporary_path(home.path() / name.to_string()), "half");
  Fence(home.path(), "test").remove_leftovers(home.path());
  CHECK_FALSE(holds_nothing(home.path()));
  CHECK(read_state(home.path(), name) == "half-way");
  remove_state(home.path(), name);
  CHECK(holds_nothing(home.path()));
}

TEST_CASE("A disk that can't take a state is an error that names it") {
  CHECK_THROWS_AS(write_state("/nowhere/at.all", name, "half-way", false), SystemError);
}

}  // namespace
}  // namespace tasker::store
