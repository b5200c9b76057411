#include "base/hash.hpp"
#include "store/archive.hpp"
#include "store/archive_writer.hpp"
#include "store/fold.hpp"
#include "support/store_fixture.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <catch2/catch.hpp>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::Store;

/// An archive with a hole, offsets, and results of another list.
std::string make_archive(Store& store) {
  store.journal(1, 0, 3, {{{0, "a", "AAAA"}, {1, "b", "why", Outcome::failed}, {2, "c", "CC"}}});
  store.journal(2, 0, 3, {{{7, "stray", "S"}}});
  auto catalog = store.catalog(3);
  std::vector<std::uint64_t> missing;
  test::match(*catalog, {"a", "b", "c"}, missing);
  store.merge(*catalog);
  return test::read_file(store.file());
}

/// Reads all there is; what is neither right nor refused is a wrong result. Returns how many results came.
/// With `import`, also by way of a directory.
std::uint64_t check_nothing_wrong(const Store& store, bool import = true) {
  std::uint64_t right = 0;
  const auto check = [&](auto read, const auto& expected) {
    std::optional<std::decay_t<decltype(expected)>> got;
    try {
      got = read();
    } catch (const DamagedError&) {
      return;
    }
    REQUIRE(*got == expected);
    ++right;
  };
  using Bytes = std::optional<std::string_view>;
  std::shared_ptr<const Archive> archive;
  try {
    archive = store.archive();
  } catch (const DamagedError&) {
    return right;
  } catch (const MismatchError&) {
    return right;
  }
  REQUIRE(archive->size() == 3);
  check([&] { return archive->result(0); }, Bytes("AAAA"));
  check([&] { return archive->result(1); }, Bytes());
  check([&] { return archive->result(2); }, Bytes("CC"));
  check([&] { return archive->argument(2); }, Bytes("c"));
  check([&] { return archive->fingerprint(1); }, test::fingerprint_of("b"));
  check([&] { return archive->info(0)->host; }, std::string("node0"));

  if (!import) return right;
  const test::TemporaryDirectory home;
  const std::uint64_t damaged = import_archive(Fence(home.path(), "test"), *archive);
  Catalog catalog(home.path(), 3);
  for (const JournalName& name : list_journals(home.path())) catalog.add(home.path(), name);
  catalog.settle();
  REQUIRE(catalog.records() <= 4);
  std::uint64_t imported = 0;
  for (std::uint64_t i = 0; i < 3; ++i) {
    if (catalog.empty() || !catalog.slot(i).done()) continue;
    REQUIRE(catalog.record(catalog.slot(i)).payload == (i == 0 ? "AAAA" : "CC"));
    ++imported;
  }
  for (const Stray& stray : catalog.strays()) {
    REQUIRE(catalog.record(stray.entry).payload == "S");
    ++imported;
  }
  REQUIRE(damaged == 3 - imported);
  return right;
}

TEST_CASE("An archive cut short at any byte is refused, never misread") {
  Store store;
  const std::string bytes = make_archive(store);
  CHECK(check_nothing_wrong(store) == 6);
  for (std::uint64_t size = 0; size < bytes.size(); ++size) {
    test::write_file(store.file(), bytes.substr(0, size));
    INFO("size " << size);
    REQUIRE(check_nothing_wrong(store) == 0);
  }
  test::write_file(store.file(), bytes + "x");
  CHECK_THROWS_AS(store.archive(), DamagedError);
}

TEST_CASE("An archive with any flipped bit gives right results or says that it is damaged") {
  Store store;
  const std::string bytes = make_archive(store);
  std::uint64_t harmless = 0;
  for (std::uint64_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    test::write_file(store.file(), flipped);
    INFO("bit " << bit);
    const bool import = bit % 8 == 0;  // it waits for the disk
    if (check_nothing_wrong(store, import) == 6) ++harmless;
  }
  // Only the header's unused bytes are nobody's.
  CHECK(harmless == 8 * (archive_header_size - 72));
}

TEST_CASE("Damage in one block leaves the others' results readable") {
  Store store;
  std::vector<test::Kept> records;
  for (std::uint64_t i = 0; i < 8; ++i)
    records.push_back({i, "a", std::string(block_size, static_cast<char>('A' + i))});
  store.journal(1, 0, 8, {records});
  store.merge(*store.catalog(8));
  const std::string bytes = test::read_file(store.file());
  for (std::uint64_t block = 0; block < 8; ++block) {
    test::write_file(store.file(), bytes);
    test::flip_bit(store.file(), 8 * (archive_header_size + block * block_size + 7 * block));
    const auto archive = store.archive();
    CHECK_FALSE(archive->is_whole());
    std::uint64_t lost = 0;
    for (std::uint64_t i = 0; i < 8; ++i) {
      std::optional<std::string_view> result;
      try {
        result = archive->result(i);
      } catch (const DamagedError& error) {
        CHECK_THAT(error.what(),
                   Contains(store.file().string()) && Contains("block " + std::to_string(block)));
        ++lost;
        continue;
      }
      CHECK(result == records[i].payload);
    }
    CHECK(lost <= 2);
    CHECK(lost >= 1);
  }
}

TEST_CASE("What is not an archive is refused and left alone") {
  const Store store;
  fs::remove(store.directory());
  const auto refused = [&](const std::string& bytes) {
    test::write_file(store.file(), bytes);
    CHECK_THROWS_AS(store.archive(), MismatchError);
    CHECK_THROWS_WITH(store.archive(), Contains(store.file().string()));
    CHECK(test::read_file(store.file()) == bytes);
    fs::remove(store.file());
  };
  CHECK_FALSE(store.archive());
  refused("");
  refused("TASKER");
  refused(std::string(1000, 'x'));
  fs::create_directory(store.file());
  CHECK_THROWS_AS(store.archive(), MismatchError);
}

TEST_CASE("An archive of another format is refused, not called damaged") {
  Store store;
  std::string bytes = make_archive(store);
  bytes[8] = 3;
  const std::string checked = bytes.substr(0, 64);
  std::string checksum;
  detail::put(checksum, base::hash64(checked));
  test::put_at(store.file(), 0, checked + checksum);
  CHECK_THROWS_AS(store.archive(), MismatchError);
  CHECK_THROWS_WITH(store.archive(), Contains("another version"));
}

/// An archive whose checksums hold, around any content.
void forge(const fs::path& path, Description description,
           const std::vector<std::pair<std::string, std::string>>& sections) {
  fs::remove(path);
  ArchiveWriter out(path);
  for (const auto& [name, bytes] : sections) {
    out.begin(name);
    out.append(bytes);
  }
  out.finish(description);
}

TEST_CASE("Sizes that make no sense are refused though their checksums hold") {
  const Store store;
  Description description;
  description.manifest = test::manifest_for(2);
  const std::string fingerprints(32, 'f');
  const auto refused = [&](const std::vector<std::pair<std::string, std::string>>& sections) {
    forge(store.file(), description, sections);
    CHECK_THROWS_AS(store.archive(), DamagedError);
  };
  refused({});
  refused({{section::fingerprints, fingerprints}});
  refused({{section::fingerprints, fingerprints}, {section::extents, std::string(63, '\0')}});
  description.result_stride = 8;
  refused({{section::fingerprints, fingerprints}, {section::results, std::string(15, 'r')}});
  refused({{section::fingerprints, fingerprints.substr(1)}, {section::results, std::string(16, 'r')}});
  description.result_stride = 0;
  refused({{section::fingerprints, fingerprints}, {section::results, "r"}});
  description.result_stride = std::uint64_t{1} << 63;  // times two is zero
  refused({{section::fingerprints, fingerprints}});
  description.result_stride = 0;
  for (const std::uint64_t tasks : {UINT64_MAX, std::uint64_t{1} << 60, (std::uint64_t{1} << 60) + 2}) {
    description.manifest.tasks = tasks;
    refused({{section::fingerprints, fingerprints}});
  }
  description.manifest.tasks = 2;
  description.failed = 3;
  refused({{section::fingerprints, fingerprints}});
}

TEST_CASE("Offsets and extents that make no sense cost what they are for") {
  const Store store;
  Description description;
  description.manifest = test::manifest_for(3);
  description.failed = 1;
  const auto numbers = [](std::initializer_list<std::uint64_t> all) {
    std::string bytes;
    for (const std::uint64_t number : all) detail::put(bytes, number);
    return bytes;
  };
  const auto extent = [&](std::uint64_t first, std::uint64_t count) {
    std::string bytes = numbers({first, count, 0, 0, 0, 0, UINT64_MAX, 0});
    bytes[60] = 1;  // done
    return bytes;
  };
  forge(store.file(), description,
        {{section::results, "abc"},
         {section::result_offsets, numbers({0, 1, UINT64_MAX, 3})},
         {section::fingerprints, std::string(48, 'f')},
         {section::extents, extent(0, 1) + extent(1, UINT64_MAX) + extent(0, 3)}});
  const auto archive = store.archive();
  CHECK(archive->result(0) == "a");
  CHECK(archive->info(0)->host.empty());
  CHECK_THROWS_AS(archive->result(1), DamagedError);
  CHECK_THROWS_AS(archive->result(2), DamagedError);
  CHECK(import_archive(store.fence(), *archive) == 1);
  const auto catalog = store.catalog(3);
  CHECK(catalog->records() == 1);
  CHECK(catalog->record(catalog->slot(0)).payload == "a");
}

TEST_CASE("A text that is no description is damage") {
  const Store store;
  Description description;
  description.manifest = test::manifest_for(0);
  description.result_stride = 0;
  forge(store.file(), description, {});
  CHECK(store.archive()->size() == 0);
  const std::string bytes = test::read_file(store.file());
  const ArchiveHeader whole = *ArchiveHeader::from_bytes(bytes);
  const std::string text = bytes.substr(whole.description_offset);
  const auto number = [&](const std::string& instead) {
    const std::string failed = "\"failed\":";
    std::string changed = text;
    return changed.replace(changed.find(failed), failed.size() + 1, failed + instead);
  };
  for (const std::string& other :
       {std::string(R"({"id": 7, "sections": [1, 2]})"), number("-1"), number("0.5"), number("-1e30"),
        std::string(100'000, '['), std::string()}) {
    ArchiveHeader header = whole;
    header.description_size = other.size();
    header.description_checksum = base::hash64(other);
    header.file_size = header.description_offset + other.size();
    test::write_file(store.file(),
                     header.to_bytes() +
                         bytes.substr(archive_header_size, header.description_offset - archive_header_size) +
                         other);
    CHECK_THROWS_WITH(store.archive(), Contains("description makes no sense"));
  }
}

}  // namespace
}  // namespace tasker::store
