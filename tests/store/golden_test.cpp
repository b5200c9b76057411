#include "base/hash.hpp"
#include "store/archive.hpp"
#include "store/fold.hpp"
#include "store/match.hpp"
#include "store/merge.hpp"
#include "store/snapshot.hpp"
#include "support/store_fixture.hpp"

#include <tasker/results.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <map>

/// Files written once, by the first version of the format. They are read as long as there is a Tasker; when a
/// writer changes their bytes, these tests fail, and format_version must change.
namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using Counts = std::map<std::string, std::uint64_t>;

const fs::path golden = test::source_file("tests/store/golden");
const Manifest golden_manifest = {4,     "str", "{str:u64}", {"word", "count"}, base::to_hex(test::declared),
                                  "1_74"};
constexpr std::uint64_t archive_id = 0xa1a2a3a4a5a6a7a8;
const std::vector<std::string> texts = {"the cat the dog", "new text", "", "no words"};

template <class T>
std::string bytes_of(const T& value) {
  std::string bytes;
  detail::encode(bytes, value);
  return bytes;
}

test::Kept counted(std::uint64_t index, const std::string& text, const Counts& counts,
                   std::uint8_t binding = 0, std::uint32_t attempt = 1) {
  return {index, bytes_of(text), bytes_of(counts), Outcome::done, binding, attempt};
}

void write_journal(const fs::path& directory, const JournalName& name, std::uint64_t tasks,
                   std::uint64_t duration, const std::vector<test::Kept>& records) {
  Manifest of_run = golden_manifest;
  of_run.tasks = tasks;
  const Origin origin{
      base::to_hex(name.id), name.sequence, name.rank, "node" + std::to_string(name.rank), "b01d", tasks, {},
      test::declared};
  JournalWriter writer(directory / name.to_string(), name.id, {of_run, {origin}});
  const FrameInfo info{.together = static_cast<std::uint32_t>(records.size()),
                       .start = 1'700'000'000'123'456'789,
                       .duration = duration,
                       .cpu_time = duration / 2,
                       .memory = 220 << 20};
  writer.append_bytes(test::frame_of(records, name.id, info));
  writer.close();
}

/// Two runs: the second has another text at index 1, so that what the first made of it is carried along.
void write_directory(const fs::path& directory) {
  write_journal(directory, {1, 0x8f3a1c9be02d7745, 0}, 4, 3'000'000'000,
                {counted(0, "the cat the dog", {{"the", 2}, {"cat", 1}, {"dog", 1}}), counted(2, "", {})});
  write_journal(
      directory, {1, 0x8f3a1c9be02d7745, 1}, 4, 1'000'000,
      {counted(1, "schöne Welt", {{"schöne", 1}, {"Welt", 1}}, bound_to_index),
       {3, bytes_of(std::string("no words")), "std::runtime_error: no words", Outcome::failed, 0, 2}});
  write_journal(directory, {2, 0x0123456789abcdef, 0}, 4, 7,
                {counted(1, "new text", {{"new", 1}, {"text", 1}}, bound_to_count, 3)});
  write_manifest(Fence(directory, "test"), golden_manifest);
}

std::unique_ptr<Catalog> catalog_of(const fs::path& directory, const fs::path& scratch) {
  auto catalog = std::make_unique<Catalog>(scratch, 4);
  for (const JournalName& name : list_journals(directory)) catalog->add(directory, name);
  catalog->settle();
  return catalog;
}

void write_archive(const fs::path& directory, const fs::path& file) {
  const auto catalog = catalog_of(directory, directory);
  std::vector<std::string> arguments;
  for (const std::string& text : texts) arguments.push_back(bytes_of(text));
  std::vector<std::uint64_t> missing;
  REQUIRE(test::match(*catalog, arguments, missing).reused == 3);
  merge(*catalog, Fence(directory, "test"), file, golden_manifest, true, std::nullopt, archive_id);
}

void check_results(const Results<Counts>& results) {
  REQUIRE(results.size() == 4);
  CHECK(results[0] == Counts{{"the", 2}, {"cat", 1}, {"dog", 1}});
  CHECK(results[1] == Counts{{"new", 1}, {"text", 1}});
  CHECK(results[2].empty());
  CHECK_FALSE(results.find(3));
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(results.argument<std::string>(i) == texts[i]);
  const auto info = results.info(0);
  REQUIRE(info);
  CHECK(info->attempts == 1);
  CHECK(info->start.time_since_epoch() == std::chrono::nanoseconds(1'700'000'000'123'456'789));
  CHECK(info->duration == std::chrono::seconds(3));
  CHECK(info->cpu_time == std::chrono::milliseconds(1500));
  CHECK(info->memory_high_water == 220 << 20);
  CHECK(info->together == 2);
  CHECK(info->host == "node0");
  CHECK(info->rank == 0);
  CHECK(results.info(1)->attempts == 3);
  CHECK(results.info(3)->attempts == 2);
  CHECK(results.info(3)->host == "node1");
}

TEST_CASE("The golden directory is read as it was meant") {
  CHECK(read_manifest(golden / "directory") == golden_manifest);
  check_results(load<Counts>(golden / "directory"));
  const test::TemporaryDirectory scratch;
  const auto catalog = catalog_of(golden / "directory", scratch.path());
  CHECK(catalog->records() == 5);
  CHECK(catalog->damaged_bytes() == 0);
  CHECK(catalog->slot(1).binding == bound_to_count);
  CHECK(catalog->record(catalog->slot(3)).payload == "std::runtime_error: no words");
  REQUIRE(catalog->strays().size() == 1);
  CHECK(catalog->strays()[0].entry.binding == bound_to_index);
  CHECK(detail::decode<Counts>(catalog->record(catalog->strays()[0].entry).payload) ==
        Counts{{"schöne", 1}, {"Welt", 1}});
}

TEST_CASE("The golden archive is read as it was meant") {
  check_results(load<Counts>(golden / "archive"));
  const Archive archive(golden / "archive");
  CHECK(archive.is_whole());
  CHECK(archive.description().id == archive_id);
  CHECK(archive.description().manifest == golden_manifest);
  CHECK(archive.description().failed == 1);
  CHECK(archive.description().carried == 1);
  CHECK(archive.payload(3) == "std::runtime_error: no words");
  CHECK(archive.fingerprint(0) == test::fingerprint_of(bytes_of(texts[0])));
  CHECK(archive.extent_of(1).binding == bound_to_count);
  CHECK(archive.description().merged.size() == 3);

  const test::TemporaryDirectory home;
  CHECK(import_archive(Fence(home.path(), "test"), archive) == 0);
  const auto catalog = catalog_of(home.path(), home.path());
  CHECK(catalog->records() == 5);
  REQUIRE(catalog->strays().size() == 1);
  CHECK(detail::decode<Counts>(catalog->record(catalog->strays()[0].entry).payload) ==
        Counts{{"schöne", 1}, {"Welt", 1}});
}

TEST_CASE("The writers still write the golden files, byte for byte") {
  const test::TemporaryDirectory home;
  const fs::path directory = home.path() / "directory";
  fs::create_directory(directory);
  write_directory(directory);
  write_archive(directory, home.path() / "archive");
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(golden)) {
    if (!entry.is_regular_file()) continue;
    const fs::path name = entry.path().lexically_relative(golden);
    INFO(name);
    CHECK(read_file(entry.path()) == read_file(home.path() / name));
    ++files;
  }
  CHECK(files == 5);
}

// TASKER_GOLDEN=DIRECTORY unit_tests "[.make-golden]": for a new format_version, beside the old files.
TEST_CASE("Golden files are made", "[.make-golden]") {
  const char* const home = std::getenv("TASKER_GOLDEN");
  if (!home) {
    WARN("none are made: TASKER_GOLDEN must name an empty directory for them");
    return;
  }
  const fs::path directory = fs::path(home) / "directory";
  REQUIRE(fs::create_directory(directory));
  write_directory(directory);
  write_archive(directory, fs::path(home) / "archive");
}

}  // namespace
}  // namespace tasker::store
