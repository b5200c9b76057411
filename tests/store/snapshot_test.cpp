#include "store/snapshot.hpp"

#include "store/merge.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>
#include <tasker/results.hpp>

#include <catch2/catch.hpp>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::encoded;
using test::Store;

TEST_CASE("A directory is read as far as it got") {
  Store store;
  store.journal(1, 4, 4,
                {{{0, encoded("a"), encoded("A")}, {2, encoded("c"), "why", Outcome::failed, 0, 2}}});
  write_manifest(store.fence(), test::manifest_for(4));
  for (const fs::path& path : {store.directory(), store.file()}) {
    const auto results = load<std::string>(path);
    REQUIRE(results.size() == 4);
    CHECK(results[0] == "A");
    CHECK(results.argument<std::string>(0) == "a");
    CHECK(results.info(0)->rank == 4);
    CHECK(results.info(2)->attempts == 2);
    CHECK_FALSE(results.info(1));
    CHECK_FALSE(results.find(1));
    CHECK_FALSE(results.find(2));
    CHECK_THROWS_AS(results[1], MissingResult);
    CHECK_THROWS_AS(results.argument<std::string>(1), MissingResult);
    CHECK_THROWS_AS(results.at(4), std::out_of_range);
  }
  CHECK_THROWS_WITH(load<double>(store.directory()), Contains("str") && Contains("f64"));
}

TEST_CASE("Once there is an archive, it is read instead of the directory") {
  Store store;
  store.journal(1, 0, 1, {{{0, encoded("a"), encoded("A")}}});
  store.merge(*store.catalog(1));
  store.journal(2, 0, 1, {{{0, encoded("a"), encoded("A2")}}});
  CHECK(load<std::string>(store.file())[0] == "A");
  CHECK(load<std::string>(store.directory())[0] == "A2");
}

TEST_CASE("Where nothing is, that is said") {
  const Store store;
  CHECK_THROWS_WITH(load<double>(store.file().string() + "x"), Contains("no results at"));
  CHECK_THROWS_WITH(load<double>(store.file()), Contains("holds no results yet"));
}

TEST_CASE("A number of tasks that no memory holds takes none") {
  const Store store;
  for (const std::uint64_t tasks : {UINT64_MAX, std::uint64_t{1} << 59, std::uint64_t{1} << 50}) {
    write_manifest(store.fence(), test::manifest_for(tasks));
    const Snapshot snapshot(store.directory());
    CHECK(snapshot.size() == tasks);
    CHECK_FALSE(snapshot.result(tasks - 1));
  }
}

TEST_CASE("An unknown origin costs who wrote a record, and the record only if it has no fingerprint") {
  Store store;
  const JournalName name{1, 77, 0};
  JournalWriter writer(store.path_of(name), name.id, {test::manifest_for(2), {}});
  const std::string known_by_fingerprint(100, 'a');
  writer.append_bytes(test::frame_of({{0, known_by_fingerprint, "A"}}, name.id, {.origin = unknown_origin}));
  writer.append_bytes(test::frame_of({{1, "b", "B"}}, name.id, {.origin = unknown_origin}));
  const Snapshot snapshot(store.directory());
  CHECK(snapshot.result(0) == "A");
  CHECK_FALSE(snapshot.result(1));  // nobody knows what its map has declared
  CHECK(snapshot.info(0)->host.empty());
}

}  // namespace
}  // namespace tasker::store
