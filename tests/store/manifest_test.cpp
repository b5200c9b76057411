#include "store/manifest.hpp"

#include "base/hash.hpp"
#include "store/manifest_json.hpp"
#include "store/snapshot.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::Store;

const Manifest odd = {UINT64_MAX, "str", "{str:u64}", {"wörd", "count", "\xff"}, "0123", "1_74"};

TEST_CASE("A manifest is read as it was written") {
  const Store store;
  Manifest manifest = odd;
  write_manifest(store.fence(), manifest);
  manifest.columns[2] = "\xef\xbf\xbd";  // what is not UTF-8 is replaced
  CHECK(read_manifest(store.directory()) == manifest);
  CHECK(recover_manifest(store.directory()) == manifest);
}

TEST_CASE(
    "A manifest cut short or with a flipped bit is right or not believed, and recovered from journals") {
  Store store;
  store.journal(1, 0, 5, {{{0, "a", "A"}}});
  store.journal(2, 0, 7, {{{0, "a", "A"}}});
  const Manifest manifest = test::manifest_for(7);
  write_manifest(store.fence(), manifest);
  const std::string bytes = test::read_file(manifest_path(store.directory()));
  const auto check = [&](const std::string& damaged) {
    test::write_file(manifest_path(store.directory()), damaged);
    const auto read = read_manifest(store.directory());
    REQUIRE((!read || *read == manifest));
    REQUIRE(recover_manifest(store.directory()) == manifest);
    return read.has_value();
  };
  for (std::uint64_t size = 0; size < bytes.size(); ++size) {
    const bool whole = check(bytes.substr(0, size));
    // The last byte is a line feed.
    REQUIRE(whole == (size + 1 == bytes.size()));
  }
  for (std::uint64_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    check(flipped);
  }
}

TEST_CASE("Numbers that are none are not taken for others") {
  const Store store;
  const auto number = [&](const char* text) {
    nlohmann::json manifest = test::manifest_for(1);
    manifest["tasks"] = nlohmann::json::parse(text);
    const auto sealed =
        seal({{"format", "tasker directory"}, {"version", format_version}, {"manifest", manifest}});
    test::write_file(manifest_path(store.directory()), sealed);
    return read_manifest(store.directory())->tasks;
  };
  for (const char* text : {"-1", "0.5", "1e30", "-1e30", "18446744073709551616", "true", "\"1\""})
    CHECK_THROWS_AS(number(text), MismatchError);
  CHECK(number("18446744073709551615") == UINT64_MAX);
  nlohmann::json origin = Origin{};
  origin["rank"] = UINT64_MAX;
  CHECK(origin.get<Origin>().rank == INT32_MAX);
}

TEST_CASE("A missing manifest is recovered from the last journal whose header is whole") {
  Store store;
  store.journal(1, 0, 5, {{{0, "a", "A"}}});
  const JournalName damaged = store.journal(2, 0, 7, {{{0, "a", "A"}}});
  test::lose_header(store.path_of(damaged));
  CHECK(recover_manifest(store.directory()) == test::manifest_for(5));
}

TEST_CASE("Another version or a foreign format is refused, and its files stay as they are") {
  const Store store;
  const auto refused = [&](const std::string& manifest) {
    test::write_file(manifest_path(store.directory()), manifest);
    test::write_file(store.directory() / "thesis.txt", "irreplaceable");
    const auto before = test::everything_in(store.directory());
    CHECK_THROWS_AS(recover_manifest(store.directory()), MismatchError);
    CHECK_THROWS_WITH(Snapshot(store.directory()), Contains(store.directory().string()));
    CHECK(test::everything_in(store.directory()) == before);
  };
  refused(seal({{"format", "tasker directory"}, {"version", 3}}));
  refused(seal({{"format", "tasker directory"}, {"version", 1}, {"manifest", odd}}));
  refused(seal({{"format", "tasker directory"}, {"version", "one"}}));
  refused(seal({{"format", "another"}, {"version", 2}, {"manifest", odd}}));
  refused(seal({{"format", 7}}));
  refused(seal(nlohmann::json::object()));
  refused(R"({"name": "a web application", "icons": []})");
  refused("");
  fs::remove(manifest_path(store.directory()));
  CHECK_THROWS_AS(recover_manifest(store.directory()), MismatchError);
}

TEST_CASE("What a killed run leaves before its first record is no foreign directory") {
  const Store store;
  CHECK_FALSE(recover_manifest(store.directory()));
  fs::create_directory(temporary_path(fence_path(store.directory(), "run")));
  CHECK_FALSE(recover_manifest(store.directory()));
  fs::create_directory(fence_path(store.directory(), "run"));
  test::write_file(holder_path(fence_path(store.directory(), "run")), "damaged");
  CHECK_FALSE(recover_manifest(store.directory()));
  CHECK_THROWS_WITH(Snapshot(store.directory()), Contains("holds no results yet"));
}

TEST_CASE("What a loss of power leaves of a manifest is no foreign directory, if it is alone") {
  const std::string torn =
      GENERATE(std::string(), std::string(300, '\0'), std::string("{\0\0\0\"version\"", 13));
  const Store store;
  test::write_file(manifest_path(store.directory()), torn);
  CHECK_FALSE(recover_manifest(store.directory()));
  test::write_file(store.directory() / "thesis.txt", "irreplaceable");
  CHECK_THROWS_AS(recover_manifest(store.directory()), MismatchError);
}

TEST_CASE("Texts that would take the reader down are nothing") {
  CHECK_FALSE(unseal(""));
  CHECK_FALSE(unseal("[]"));
  CHECK_FALSE(unseal(std::string(1 << 20, '[')));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  CHECK_FALSE(unseal(deep));
  CHECK_FALSE(unseal(deep + "1" + std::string(100'000, '}')));
  CHECK_FALSE(unseal(R"({"checksum": 7})"));
  CHECK(unseal(seal({{"a", 1.5}})) == nlohmann::json{{"a", 1.5}});
}

TEST_CASE("Other types are refused with both names") {
  const Manifest manifest = test::manifest_for(1);
  CHECK_NOTHROW(require_types("file", manifest, "str", "str"));
  CHECK_THROWS_WITH(require_types("file", manifest, "f64", "str"),
                    Contains("file") && Contains("str") && Contains("f64") && Contains("argument"));
  CHECK_THROWS_WITH(require_types("file", manifest, "str", "[i32]"),
                    Contains("str") && Contains("[i32]") && Contains("result"));
}

}  // namespace
}  // namespace tasker::store
