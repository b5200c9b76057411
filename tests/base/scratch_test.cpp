#include "base/scratch.hpp"

#include "support/root.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <cstdint>

namespace tasker::base {
namespace {

using Catch::Contains;
using test::TemporaryDirectory;

TEST_CASE("A scratch array grows from memory into a file and keeps its values, new ones are zero") {
  const TemporaryDirectory home;
  ScratchArray<std::uint64_t> array(home.path());
  CHECK(array.empty());
  constexpr std::uint64_t n = 2'000'000;  // 16 MB: past what is held in memory
  for (std::uint64_t i = 0; i < n; ++i) array.push_back(i * i);
  array.resize(n + 1000);
  REQUIRE(array.size() == n + 1000);
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < n; ++i) wrong += array[i] != i * i;
  for (std::uint64_t i = n; i < array.size(); ++i) wrong += array[i] != 0;
  CHECK(wrong == 0);
  // The file has no name.
  CHECK(test::everything_in(home.path()).empty());
}

TEST_CASE("A size that no memory has is refused, and what is there stays") {
  const TemporaryDirectory home;
  ScratchArray<std::uint64_t> array(home.path());
  array.push_back(7);
  for (const std::uint64_t size : {UINT64_MAX, UINT64_MAX / 8, UINT64_MAX / 8 + 2, std::uint64_t{1} << 60})
    CHECK_THROWS_AS(array.resize(size), SystemError);
  REQUIRE(array.size() == 1);
  CHECK(array[0] == 7);
  array.resize(1'000'000);
  CHECK(array[0] == 7);
  CHECK(array[999'999] == 0);
}

TEST_CASE("A full disk is found out when a table grows, not when it is written", "[root]") {
  if (!test::may_as_root("a table on a full disk")) return;
  const TemporaryDirectory home;
  const test::SmallDisk disk(home.path());
  ScratchArray<std::uint64_t> array(home.path());
  array.resize(1000);
  array[999] = 9;
  CHECK_THROWS_WITH(array.resize(1'000'000), Contains("No space left") && Contains("free some space"));
  CHECK(array.size() == 1000);
  CHECK(array[999] == 9);
}

TEST_CASE("A directory for tables that is not there is an error") {
  Scratch scratch("/nonexistent/directory");
  CHECK_NOTHROW(scratch.grow(1000, 8));
  CHECK_THROWS_WITH(scratch.grow(1'000'000, 8), Contains("/nonexistent/directory"));
}

}  // namespace
}  // namespace tasker::base
