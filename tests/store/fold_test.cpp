#include "store/fold.hpp"

#include "base/hash.hpp"
#include "store/ghosts.hpp"
#include "store/hold.hpp"
#include "store/merge.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <map>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using test::Kept;
using test::Store;
using Strings = std::vector<std::string>;
using Indices = std::vector<std::uint64_t>;

Strings payloads(const Store& store, std::uint64_t tasks) {
  const auto catalog = store.catalog(tasks);
  Strings all;
  for (std::uint64_t i = 0; i < tasks; ++i)
    all.push_back(catalog->slot(i).done() ? std::string(catalog->record(catalog->slot(i)).payload) : "-");
  return all;
}

/// What was in a directory, to be put back: as if a process had been killed before it removed that.
class Before {
 public:
  explicit Before(const Store& store) : files_(test::everything_in(store.directory())) {}
  void put_back() const {
    for (const auto& [path, bytes] : files_)
      if (!fs::is_directory(path)) test::write_file(path, bytes);
  }

 private:
  std::vector<std::pair<std::string, std::string>> files_;
};

void three_runs(Store& store) {
  store.journal(1, 0, 3, {{{0, "a", "A"}, {1, "b", "B"}}});
  store.journal(1, 1, 3, {{{2, "c", "why", Outcome::failed, 0, 2}}});
  store.journal(2, 5, 2, {{{1, "b", "B2", Outcome::done, bound_to_count}}});
  store.journal(3, 0, 3, {{{0, "x", "X"}}});
}

TEST_CASE("Folding many journals into one keeps every record, its order and its origin") {
  Store store;
  three_runs(store);
  const Strings before = payloads(store, 3);
  CHECK(fold_journals(store.fence(), store.journals()) == 0);
  REQUIRE(store.journals().size() == 1);
  CHECK(store.journals()[0].rank == JournalName::fold);
  CHECK(store.journals()[0].sequence == 3);
  CHECK(payloads(store, 3) == before);
  const auto catalog = store.catalog(3);
  CHECK(catalog->records() == 5);
  CHECK(catalog->strays().size() == 2);  // "a" of the other list, and what is bound to the other count
  CHECK(catalog->origin(catalog->slot(1))->host == "node5");
  CHECK(catalog->origin(catalog->slot(1))->tasks == 2);
  CHECK(catalog->slot(2).attempt == 2);
  // Folds are folded as well.
  store.journal(4, 0, 3, {{{2, "c", "C"}}});
  CHECK(fold_journals(store.fence(), store.journals()) == 0);
  CHECK(store.journals().size() == 1);
  CHECK(payloads(store, 3) == Strings{"X", "B2", "C"});
  CHECK(store.catalog(3)->origin(store.catalog(3)->slot(1))->host == "node5");
}

/// Leaves ghosts of that run, for an hour.
void leave_ghosts(const Store& store, std::uint64_t run) {
  Hold(store.directory(), {base::to_hex(run), ""}).leave_ghosts(std::chrono::hours(1));
}

TEST_CASE("Journals that a ghost may still write to stay until they are closed") {
  Store store;
  const JournalName name = store.journal(1, 0, 2, {{{0, "a", "A"}}});
  const std::string closed = test::read_file(store.path_of(name));
  const std::string open = closed.substr(0, closed.size() - frame_header_size);
  leave_ghosts(store, name.id);
  const auto archive = store.merge(*store.catalog(2));
  for (const bool is_open : {true, false}) {
    INFO(is_open);
    const auto journals_after = [&](const auto& action) {
      test::write_file(store.path_of(name), is_open ? open : closed);
      CHECK(Ghosts(store.directory()).may_write(name) == is_open);
      action();
      const std::vector<JournalName> journals = store.journals();
      for (const JournalName& journal : journals) fs::remove(store.path_of(journal));
      CHECK(std::ranges::count(journals, name) == (is_open ? 1 : 0));
      return journals.size();
    };
    const std::size_t count = is_open ? 2 : 1;
    CHECK(journals_after([&] { fold_journals(store.fence(), {name}); }) == count);
    CHECK(journals_after([&] {
            const Before killed(store);
            fold_journals(store.fence(), {name});
            killed.put_back();
            remove_folded(store.fence(), store.journals());
          }) == count);
    CHECK(journals_after([&] { import_archive(store.fence(), *archive); }) == count);
  }
  CHECK(Ghosts(store.directory()).may_write(name));  // it may create the file
}

TEST_CASE("A fold that was killed between its rename and its removals counts nothing twice") {
  Store store;
  three_runs(store);
  const Strings before = payloads(store, 3);
  const Before killed(store);
  fold_journals(store.fence(), store.journals());
  killed.put_back();
  CHECK(store.journals().size() == 5);
  CHECK(payloads(store, 3) == before);
  remove_folded(store.fence(), store.journals());
  CHECK(store.journals().size() == 1);
  CHECK(payloads(store, 3) == before);
  remove_folded(store.fence(), store.journals());
  CHECK(payloads(store, 3) == before);
}

TEST_CASE("A fold that was killed before its rename leaves nothing behind but in the fence") {
  Store store;
  three_runs(store);
  const Before before(store);
  fold_journals(store.fence(), store.journals());
  const JournalName fold = store.journals()[0];
  fs::rename(store.path_of(fold), store.fence().unfinished(fold.to_string()));
  before.put_back();
  remove_folded(store.fence(), store.journals());
  CHECK(store.journals().size() == 4);
  remove_fence(store.fence().path());
  CHECK(test::everything_in(store.directory()).size() == 4);
}

TEST_CASE("Damage is left behind by a fold, counted, and costs its records alone") {
  Store store;
  three_runs(store);
  const JournalName headless = store.journals()[0];
  test::lose_header(store.path_of(headless));
  const JournalName damaged = store.journal(4, 0, 3, {{{0, "a", "A4"}}, {{1, "b", "B4"}}});
  test::flip_bit(store.path_of(damaged), 8 * (test::read_file(store.path_of(damaged)).find("FRAM") + 70));
  CHECK(fold_journals(store.fence(), store.journals()) > 100);
  CHECK(payloads(store, 3) == Strings{"X", "B4", "-"});
  const auto catalog = store.catalog(3);
  CHECK(catalog->damaged_bytes() == 0);
  // What their map had declared went with the headers.
  for (const Stray& stray : catalog->strays()) CHECK(stray.entry.first != 0);
}

TEST_CASE("An archive comes back into a directory, once") {
  Store store;
  store.journal(1, 2, 4, {{{0, "a", "A"}, {1, "b", "B"}}, {{2, "c", "why", Outcome::failed, 0, 5}}});
  const auto archive = store.merge(*store.catalog(4));
  remove_merged(store.fence(), archive->description().merged);
  CHECK(import_archive(store.fence(), *archive) == 0);
  REQUIRE(store.journals().size() == 1);
  CHECK(store.journals()[0].sequence == 0);
  CHECK(payloads(store, 4) == Strings{"A", "B", "-", "-"});
  const auto catalog = store.catalog(4);
  CHECK(catalog->slot(2).attempt == 5);
  CHECK(catalog->records() == 3);
  CHECK(catalog->origin(catalog->slot(0))->host == "node2");
  CHECK(catalog->frame(catalog->slot(0)).info().duration == 2000);
  CHECK(catalog->record(catalog->slot(1)).argument == "b");
  const Before before(store);
  CHECK(import_archive(store.fence(), *archive) == 0);
  CHECK(store.catalog(4)->records() == 3);
}

TEST_CASE("An archive that names what becomes of it comes back all the same") {
  Store store;
  const JournalName itself{0, 7, JournalName::fold};  // of the archive's id
  store.journal(1, 0, 1, {{{0, "a", "A"}}});
  fs::copy_file(store.path_of(store.journals()[0]), store.path_of(itself));
  merge(*store.catalog(1), store.fence(), store.file(), test::manifest_for(1), true, std::nullopt, itself.id);
  fs::remove(store.path_of(itself));
  CHECK(import_archive(store.fence(), *store.archive()) == 0);
  CHECK(store.journals() == std::vector<JournalName>{itself});
}

TEST_CASE("Journals that an archive was made from give way to it, unless the archive is damaged") {
  Store store;
  const JournalName name = store.journal(1, 0, 2, {{{0, "a", "A"}, {1, "b", "B"}}});
  auto archive = store.merge(*store.catalog(2));
  const Before killed(store);
  SECTION("whole, removed at once") {
    CHECK(import_archive(store.fence(), *archive) == 0);
    CHECK(store.journals().size() == 1);
  }
  SECTION("whole, killed before the removal") {
    CHECK(import_archive(store.fence(), *archive) == 0);
    killed.put_back();
    remove_folded(store.fence(), store.journals());
    CHECK(store.journals().size() == 1);
  }
  SECTION("damaged") {
    test::flip_bit(store.file(), 8 * archive_header_size);
    archive = store.archive();
    CHECK(import_archive(store.fence(), *archive) == 2);
    CHECK(store.journals() == std::vector<JournalName>{name});
  }
  CHECK(payloads(store, 2) == Strings{"A", "B"});
}

TEST_CASE("What an archive carries survives merge, import and merge, and serves its list again") {
  Store store;
  store.journal(1, 0, 3, {{{0, "a", "A"}, {1, "b", "B"}, {2, "c", "C", Outcome::done, bound_to_index}}});
  store.merge(*store.catalog(3));
  for (int round = 0; round < 3; ++round) {
    const auto archive = store.archive();
    const auto merged = archive->description().merged;
    CHECK(import_archive(store.fence(), *archive) == 0);
    auto catalog = store.catalog(1);
    Indices missing;
    const MatchResult result = test::match(*catalog, {"b"}, missing);
    CHECK(result.reused == 1);
    CHECK(result.carried == 2);
    const auto next = store.merge(*catalog);
    CHECK(next->description().carried == 2);
    CHECK(next->result(0) == "B");
    CHECK(next->is_whole());
    remove_merged(store.fence(), next->description().merged);
  }
  import_archive(store.fence(), *store.archive());
  auto catalog = store.catalog(3);
  Indices missing;
  const MatchResult result = test::match(*catalog, {"a", "b", "c"}, missing);
  CHECK(result.reused == 3);
  CHECK(result.carried == 0);
  CHECK(store.merge(*catalog)->result(2) == "C");
}

TEST_CASE("What an archive carries never takes the place of its own results") {
  Store store;
  store.journal(1, 0, 2, {{{0, "a", "A of 2", Outcome::done, bound_to_count}}});
  store.journal(2, 0, 3, {{{0, "a", "A of 3", Outcome::done, bound_to_count}}});
  auto catalog = store.catalog(3);
  Indices missing;
  test::match(*catalog, {"a", "b", "c"}, missing);
  const auto archive = store.merge(*catalog);
  CHECK(archive->result(0) == "A of 3");
  CHECK(import_archive(store.fence(), *archive) == 0);
  for (const std::uint64_t tasks : {2U, 3U}) {
    auto again = store.catalog(tasks);
    missing.clear();
    Strings arguments = {"a", "b", "c"};
    arguments.resize(tasks);
    test::match(*again, arguments, missing);
    REQUIRE(again->slot(0).done());
    CHECK(again->record(again->slot(0)).payload == "A of " + std::to_string(tasks));
    CHECK(again->strays().size() == 1);
  }
}

TEST_CASE("Damage in an archive costs the results in its block, and they are counted") {
  Store store;
  std::vector<Kept> records;
  for (std::uint64_t i = 0; i < 10; ++i)
    records.push_back(
        {i, std::string(1, static_cast<char>('a' + i)), std::string(block_size, static_cast<char>('A' + i))});
  records.push_back({20, "stray", "S"});
  store.journal(1, 0, 10, {records});
  auto catalog = store.catalog(10);
  Strings arguments;
  for (std::uint64_t i = 0; i < 10; ++i) arguments.push_back(records[i].argument);
  Indices missing;
  CHECK(test::match(*catalog, arguments, missing).carried == 1);
  store.merge(*catalog);
  const std::uint64_t results = store.archive()->description().sections.at(section::results).offset;
  store.clear();
  // Block 3 holds the end of result 2 and the beginning of 3, or exactly result 3.
  test::flip_bit(store.file(), 8 * (archive_header_size + 3 * block_size + 100));
  const std::uint64_t damaged = import_archive(store.fence(), *store.archive());
  CHECK(damaged == (results == archive_header_size ? 1U : 2U));
  const auto whole = store.catalog(10);
  std::uint64_t done = 0;
  for (std::uint64_t i = 0; i < 10; ++i) {
    if (!whole->slot(i).done()) continue;
    ++done;
    CHECK(whole->record(whole->slot(i)).payload == records[i].payload);
  }
  CHECK(done == 10 - damaged);
  CHECK(whole->strays().size() == 1);
}

}  // namespace
}  // namespace tasker::store
