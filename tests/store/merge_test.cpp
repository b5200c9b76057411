#include "store/merge.hpp"

#include "base/names.hpp"
#include "store/fold.hpp"
#include "support/root.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using test::Kept;
using test::Store;
using Strings = std::vector<std::string>;

std::string section_bytes(const Archive& archive, const Store& store, const char* name) {
  const auto& sections = archive.description().sections;
  const auto found = sections.find(name);
  if (found == sections.end()) return "";
  return test::read_file(store.file()).substr(found->second.offset, found->second.size);
}

TEST_CASE("An archive gives back results, arguments, fingerprints and how they came about") {
  Store store;
  store.journal(1, 3, 4,
                {{{2, "cc", "C"}, {0, "a", "AAA"}}, {{1, "", "", Outcome::done, bound_to_index, 2}}});
  store.journal(2, 1, 4, {{{3, "d", std::string(200'000, 'D')}}});
  const auto archive = store.merge(*store.catalog(4));
  REQUIRE(archive->size() == 4);
  CHECK(archive->result(0) == "AAA");
  CHECK(archive->result(1) == "");
  CHECK(archive->result(2) == "C");
  CHECK(archive->result(3) == std::string(200'000, 'D'));
  CHECK(archive->argument(2) == "cc");
  CHECK(archive->argument(1) == "");
  CHECK(archive->fingerprint(2) == test::fingerprint_of("cc"));
  CHECK(archive->info(0)->host == "node3");
  CHECK(archive->info(0)->rank == 3);
  CHECK(archive->info(0)->together == 2);
  CHECK(archive->info(1)->attempts == 2);
  CHECK(archive->info(3)->host == "node1");
  CHECK(archive->extent_of(1).binding == bound_to_index);
  CHECK(archive->description().manifest == test::manifest_for(4));
  CHECK(archive->description().failed == 0);
  CHECK(archive->is_whole());
  CHECK(section_bytes(*archive, store, section::results) == "AAAC" + std::string(200'000, 'D'));
  CHECK(section_bytes(*archive, store, section::arguments) == "accd");
}

TEST_CASE("Results of one size need no offsets") {
  Store store;
  store.journal(1, 0, 3, {{{0, "a", "1111"}, {1, "b", "2222"}, {2, "cc", "3333"}}});
  const auto archive = store.merge(*store.catalog(3));
  CHECK(archive->description().result_stride == 4);
  CHECK_FALSE(archive->description().argument_stride);
  CHECK_FALSE(archive->description().sections.contains(section::result_offsets));
  CHECK(archive->description().sections.contains(section::argument_offsets));
  CHECK(section_bytes(*archive, store, section::results) == "111122223333");
  CHECK(archive->result(2) == "3333");
  CHECK(archive->argument(2) == "cc");
}

TEST_CASE("Arguments that are not kept are not in the archive") {
  Store store;
  store.journal(1, 0, 2, {{{0, "secret", "A"}, {1, "secret too", "B"}}});
  const auto archive = store.merge(*store.catalog(2), false);
  CHECK(archive->result(1) == "B");
  CHECK_FALSE(archive->argument(1));
  CHECK(test::read_file(store.file()).find("secret") == std::string::npos);
}

TEST_CASE("Failed and missing tasks are holes, told apart") {
  Store store;
  store.journal(1, 0, 4, {{{0, "a", "A"}, {1, "b", "it broke", Outcome::failed, 0, 3}, {3, "d", "D"}}});
  const auto archive = store.merge(*store.catalog(4));
  CHECK(archive->description().failed == 2);
  CHECK(archive->result(0) == "A");
  CHECK_FALSE(archive->result(1));
  CHECK_FALSE(archive->result(2));
  CHECK(archive->result(3) == "D");
  CHECK(archive->payload(1) == "it broke");
  CHECK(archive->info(1)->attempts == 3);
  CHECK_FALSE(archive->info(2));
}

TEST_CASE("No task, and one task, make archives too") {
  Store store;
  auto archive = store.merge(*store.catalog(0));
  CHECK(archive->size() == 0);
  CHECK(archive->is_whole());
  CHECK(archive->extent_count() == 0);
  store.journal(1, 0, 1, {{{0, "", ""}}});
  archive = store.merge(*store.catalog(1));
  CHECK(archive->size() == 1);
  CHECK(archive->result(0) == "");
  CHECK(archive->description().result_stride == 0);
  CHECK(archive->argument(0) == "");
}

TEST_CASE("Payloads around the sizes of blocks and frames stay whole") {
  Store store;
  std::vector<std::vector<Kept>> frames;
  std::uint64_t n = 0;
  for (const std::size_t size : {block_size - archive_header_size, block_size - 1, block_size, block_size + 1,
                                 4 * block_size, 4 * block_size + 1, std::size_t{0}, std::size_t{1}}) {
    frames.push_back({{n, std::string(size / 2, static_cast<char>('a' + n)),
                       std::string(size, static_cast<char>('A' + n))}});
    ++n;
  }
  store.journal(1, 0, n, frames);
  const auto check = [&](const Archive& archive) {
    CHECK(archive.is_whole());
    for (const auto& frame : frames) {
      CHECK(archive.result(frame[0].index) == frame[0].payload);
      CHECK(archive.argument(frame[0].index) == frame[0].argument);
    }
  };
  const auto archive = store.merge(*store.catalog(n));
  check(*archive);
  // And on their way back into a directory.
  CHECK(import_archive(store.fence(), *archive) == 0);
  check(*store.merge(*store.catalog(n)));
}

TEST_CASE("Merging replaces the archive in one step and tidies up after itself") {
  Store store;
  store.journal(1, 0, 1, {{{0, "a", "A"}}});
  const auto first = store.merge(*store.catalog(1));
  CHECK_FALSE(fs::exists(store.fence().unfinished(unfinished_archive)));
  store.journal(2, 0, 1, {{{0, "a", "A2"}}});
  const auto second = store.merge(*store.catalog(1));
  CHECK(first->result(0) == "A");
  CHECK(second->result(0) == "A2");
  CHECK(first->description().id != second->description().id);

  test::write_file(manifest_path(store.directory()), "");
  const JournalName later = store.journal(3, 0, 1, {{{0, "a", "A3"}}});
  CHECK_FALSE(remove_merged(store.fence(), second->description().merged));
  CHECK(store.journals() == std::vector<JournalName>{later});
  CHECK(fs::exists(manifest_path(store.directory())));
  CHECK(remove_merged(store.fence(), {later.to_string(), "../words"}));
  remove_fence(store.fence().path());
  CHECK(fs::remove(store.fence().directory()));
  CHECK_FALSE(fs::exists(store.directory()));
  CHECK(fs::exists(store.file()));
}

TEST_CASE("What came to the archive's place meanwhile stays, and so do the records") {
  Store store;
  store.journal(1, 0, 1, {{{0, "a", "A"}}});
  const auto refused = [&](std::optional<std::uint64_t> replaces) {
    const auto before = test::read_file(store.file());
    CHECK_THROWS_WITH(
        merge(*store.catalog(1), store.fence(), store.file(), test::manifest_for(1), true, replaces),
        Catch::Contains(store.file().string() + " has come there") &&
            Catch::Contains(store.directory().string()));
    CHECK(test::read_file(store.file()) == before);
    CHECK(store.journals().size() == 1);
    fs::remove(store.fence().unfinished(unfinished_archive));
  };
  test::write_file(store.file(), "notes");
  refused(std::nullopt);
  refused(7);
  fs::remove(store.file());
  const std::uint64_t other = store.merge(*store.catalog(1))->description().id;
  refused(std::nullopt);
  refused(other + 1);
  merge(*store.catalog(1), store.fence(), store.file(), test::manifest_for(1), true, other);
  // One that should be replaced, but went.
  fs::remove(store.file());
  merge(*store.catalog(1), store.fence(), store.file(), test::manifest_for(1), true, other);
  CHECK(store.archive()->result(0) == "A");
}

TEST_CASE("A directory with somebody's file in it stays, with that file") {
  Store store;
  store.journal(1, 0, 1, {{{0, "a", "A"}}});
  const auto archive = store.merge(*store.catalog(1));
  test::write_file(store.directory() / "notes", "mine");
  CHECK(remove_merged(store.fence(), archive->description().merged));
  remove_fence(store.fence().path());
  CHECK_FALSE(base::remove_directory(store.fence().directory()));
  CHECK(test::everything_in(store.directory()).size() == 1);
}

TEST_CASE("Without room for the archive the merge does not begin, and loses nothing", "[root]") {
  if (!test::may_as_root("merging on a full disk")) return;
  Store store;
  fs::create_directory(store.file().string() + ".small");
  const fs::path small = store.file().string() + ".small";
  const test::SmallDisk disk(small);
  const fs::path directory = directory_of(small / "words");
  fs::create_directory(directory);
  const JournalName name = store.journal(1, 0, 1, {{{0, "a", std::string(600'000, 'A')}}});
  fs::copy(store.path_of(name), directory / name.to_string());
  test::write_file(small / "words", "the archive before");
  const Fence fence(directory, "test");
  const auto before = test::everything_in(small);
  Catalog catalog(directory, 1);
  catalog.add(directory, name);
  CHECK_THROWS_WITH(merge(catalog, fence, small / "words", test::manifest_for(1), true, std::nullopt),
                    Catch::Contains("it needs up to") && Catch::Contains("free some space"));
  CHECK(test::everything_in(small) == before);
}

}  // namespace
}  // namespace tasker::store
