#include "store/merge.hpp"
#include "support/store_fixture.hpp"
#include "support/types.hpp"

#include <tasker/error.hpp>
#include <tasker/results.hpp>

#include <catch2/catch.hpp>

namespace fs = std::filesystem;
using Catch::Contains;
using tasker::load;
using tasker::Results;
using tasker::test::Store;

namespace {

template <class T>
std::string encoded(const T& value) {
  std::string bytes;
  tasker::detail::encode(bytes, value);
  return bytes;
}

}  // namespace

TEST_CASE("Results that nothing was assigned to are empty") {
  const Results<int> none;
  CHECK(none.empty());
  CHECK(none.begin() == none.end());
  CHECK(none.to_vector().empty());
  CHECK_FALSE(none.has(0));
  CHECK_THROWS_AS(none[0], std::out_of_range);
  CHECK_THROWS_AS(none.at(0), std::out_of_range);
  CHECK_THROWS_AS(none.find(0), std::out_of_range);
  CHECK_THROWS_AS(none.info(0), std::out_of_range);
  CHECK_THROWS_AS(none.argument<int>(0), std::out_of_range);
}

TEST_CASE("What is beyond the end is out of range, however it is asked for") {
  Store store;
  store.journal(1, 0, 1, {{{0, encoded(std::string("a")), encoded(std::string("A"))}}});
  store.merge(*store.catalog(1));
  const auto results = load<std::string>(store.file());
  CHECK(results[0] == "A");
  CHECK_THROWS_AS(results[1], std::out_of_range);
  CHECK_THROWS_WITH(results.at(1), Contains(store.file().string() + " has 1 results"));
}

TEST_CASE("A result that is missing says why") {
  Store store;
  store.journal(1, 0, 3,
                {{{0, "", encoded(std::string("A"))},
                  {1, "", "std::runtime_error: no luck", tasker::store::Outcome::failed}}});
  const auto check = [&](const fs::path& path) {
    const auto results = load<std::string>(path);
    CHECK_THROWS_AS(results[1], tasker::MissingResult);
    CHECK_THROWS_WITH(results[1],
                      Contains(path.string()) && Contains("task 1 failed: std::runtime_error: no luck"));
    CHECK(results.failure(1) == "std::runtime_error: no luck");
    CHECK_FALSE(results.failure(0));
    CHECK_FALSE(results.failure(2));
    CHECK_THROWS_AS(results.failure(3), std::out_of_range);
    CHECK_THROWS_WITH(results[2], Contains(path.string()) && Contains("task 2 was not computed"));
  };
  check(store.directory());
  store.merge(*store.catalog(3));
  check(store.file());
}

TEST_CASE("Bytes that a changed type can't read are a mismatch with place and advice, not damage") {
  Store store;
  // What the type's serialize read when they were written: less than now.
  store.journal(1, 0, 2, {{{0, "a", "A"}, {1, encoded(1.5), encoded(2.5) + encoded(7)}}});
  tasker::store::Manifest manifest = tasker::test::manifest_for(2);
  manifest.result_type = manifest.argument_type = tasker::detail::schema<types::Model>();
  tasker::store::merge(*store.catalog(2), store.fence(), store.file(), manifest, true, std::nullopt);
  const auto results = load<types::Model>(store.file());
  for (std::uint64_t i = 0; i < 2; ++i) {
    CHECK_THROWS_AS(results[i], tasker::MismatchError);
    CHECK_THROWS_AS(results.find(i), tasker::MismatchError);
    CHECK_THROWS_AS(results.argument<types::Model>(i), tasker::MismatchError);
  }
  CHECK_THROWS_WITH(results[0],
                    Contains(store.file().string() + ", result 0: ") && Contains("Options::version"));
  CHECK_THROWS_WITH(results.argument<types::Model>(1), Contains(store.file().string() + ", argument 1: "));
}
