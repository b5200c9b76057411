#include "store/list.hpp"

#include "store/format.hpp"
#include "store/snapshot.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>
#include <tasker/results.hpp>

#include <catch2/catch.hpp>

namespace tasker::store {
namespace {

using test::encoded;
using test::fingerprint_of;
using test::Store;

void write_list(const Store& store, const std::vector<std::string>& arguments) {
  ListWriter list(store.fence());
  for (const std::string& argument : arguments) list.append(fingerprint_of(argument));
  list.publish();
}

TEST_CASE("A list of fingerprints is read as it was written") {
  const Store store;
  CHECK_FALSE(List::read(store.directory()));
  for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 10000U}) {
    std::vector<std::string> arguments(size);
    for (std::size_t i = 0; i < size; ++i) arguments[i] = std::to_string(i);
    write_list(store, arguments);
    const auto list = List::read(store.directory());
    REQUIRE(list);
    REQUIRE(list->size() == size);
    for (std::size_t i = 0; i < size; ++i)
      if ((*list)[i] != fingerprint_of(arguments[i])) FAIL("fingerprint " << i);
  }
}

TEST_CASE("A damaged list is not believed, nor that there is none") {
  const Store store;
  const auto path = list_path(store.directory());
  write_list(store, {"a", "b"});
  const std::string whole = test::read_file(path);
  for (std::uint64_t bit = 0; bit < 8 * whole.size(); ++bit) {
    test::write_file(path, whole);
    test::flip_bit(path, bit);
    INFO("bit " << bit);
    REQUIRE_THROWS_AS(List::read(store.directory()), DamagedError);
  }
  for (std::uint64_t size = 0; size < whole.size(); ++size) {
    test::write_file(path, whole);
    test::shrink_to(path, size);
    INFO("size " << size);
    REQUIRE_THROWS_AS(List::read(store.directory()), DamagedError);
  }
}

TEST_CASE("With a list, a directory's records are read at the places that they have now") {
  Store store;
  store.journal(
      1, 0, 3,
      {{{0, encoded("a"), encoded("A")}, {1, encoded("b"), encoded("B")}, {2, encoded("c"), encoded("C")}}});
  write_manifest(store.fence(), test::manifest_for(3));
  write_list(store, {encoded("c"), encoded("new"), encoded("a"), encoded("c")});
  const auto results = load<std::string>(store.directory());
  REQUIRE(results.size() == 4);
  CHECK(results[0] == "C");
  CHECK(results.argument<std::string>(0) == "c");
  CHECK_FALSE(results.find(1));
  CHECK(results[2] == "A");
  CHECK_FALSE(results.find(3));
}

}  // namespace
}  // namespace tasker::store
