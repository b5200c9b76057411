#include "base/hash.hpp"
#include "store/archive.hpp"
#include "store/archive_writer.hpp"
#include "store/fold.hpp"
#include "store/merge.hpp"
#include "store/snapshot.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>
#include <tasker/results.hpp>

#include <catch2/catch.hpp>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using test::encoded;
using test::Kept;
using test::Store;

std::string written(const std::string& out, const std::string& err) { return encode_output({out, err}); }

/// "out|err", or "-" for none.
std::string said(const std::optional<Output>& output) {
  return output ? output->out + "|" + output->err : "-";
}

TEST_CASE("Output is encoded as it is, and nothing as nothing") {
  CHECK(written("", "").empty());
  for (const auto& [out, err] : {std::pair<std::string, std::string>{"out", "err"},
                                 {"", "err"},
                                 {"out", ""},
                                 {std::string(70'000, 'o'), std::string(3, '\0')}}) {
    const auto decoded = decode_output(written(out, err));
    REQUIRE(decoded);
    CHECK(decoded->out == out);
    CHECK(decoded->err == err);
  }
  for (const std::string& nonsense :
       {std::string(), std::string("\4abc"), std::string(7, '\0'), std::string(11, '\xff')})
    CHECK_FALSE(decode_output(nonsense));
}

/// Tasks 0 to 5, of which 1, 3 and 4 wrote something; 3 failed. And a result of another list.
void make_journals(Store& store) {
  store.journal(1, 0, 6,
                {{{0, encoded("a"), encoded("A")},
                  {1, encoded("b"), encoded("B"), Outcome::done, 0, 1, written("b1", "")},
                  {2, encoded("c"), encoded("C")}},
                 {{3, encoded("d"), "why", Outcome::failed, 0, 2, written("d1", "d2")}}});
  store.journal(2, 1, 6,
                {{{4, encoded("e"), encoded("E"), Outcome::done, bound_to_index, 1, written("", "e2")},
                  {5, encoded("f"), encoded("F")},
                  {9, encoded("s"), encoded("S"), Outcome::done, 0, 1, written("s1", "s2")}}});
}

void check_outputs(const detail::ResultSource& results) {
  const std::vector<std::string> expected = {"-", "b1|", "-", "d1|d2", "|e2", "-"};
  REQUIRE(results.size() == expected.size());
  for (std::uint64_t i = 0; i < expected.size(); ++i) {
    INFO("task " << i);
    CHECK(said(results.output(i)) == expected[i]);
  }
}

TEST_CASE("Output is read from a directory, an archive, and what was folded, imported and carried") {
  Store store;
  make_journals(store);
  write_manifest(store.fence(), test::manifest_for(6));
  check_outputs(Snapshot(store.directory()));
  CHECK(fold_journals(store.fence(), store.journals()) == 0);
  check_outputs(Snapshot(store.directory()));
  check_outputs(*store.merge(*store.catalog(6)));
  for (int round = 0; round < 2; ++round) {
    const auto archive = store.archive();
    CHECK(archive->is_whole());
    CHECK(archive->description().carried == 1);
    store.clear();
    CHECK(import_archive(store.fence(), *archive) == 0);
    check_outputs(*store.merge(*store.catalog(6)));
  }
  const auto results = load<std::string>(store.file());
  CHECK(results[1] == "B");
  CHECK(results.output(1)->out == "b1");
  CHECK(results.failure(3) == "why");
  CHECK(results.output(3)->err == "d2");
  CHECK_FALSE(results.output(0));
  CHECK_THROWS_AS(results.output(6), std::out_of_range);
  // What was carried along serves another list, with its output.
  import_archive(store.fence(), *store.archive());
  auto catalog = store.catalog(1);
  std::vector<std::uint64_t> missing;
  CHECK(test::match(*catalog, {encoded("s")}, missing).moved == 1);
  CHECK(said(store.merge(*catalog)->output(0)) == "s1|s2");
}

TEST_CASE("An archive of tasks without output has no sections for it") {
  Store store;
  store.journal(1, 0, 1, {{{0, "a", "why", Outcome::failed, 0, 1, written("of what counts no more", "")}}});
  store.journal(2, 0, 1, {{{0, "a", "A"}}});
  const auto archive = store.merge(*store.catalog(1));
  CHECK_FALSE(archive->description().sections.contains(section::outputs));
  CHECK_FALSE(archive->description().sections.contains(section::output_index));
  CHECK_FALSE(archive->output(0));
}

TEST_CASE("The attempt that counts is the one whose output is read") {
  Store store;
  store.journal(1, 0, 1, {{{0, "a", "why", Outcome::failed, 0, 1, written("first", "")}}});
  store.journal(2, 0, 1, {{{0, "a", "A", Outcome::done, 0, 2, written("second", "")}}});
  CHECK(said(store.merge(*store.catalog(1))->output(0)) == "second|");
}

/// An archive of two tasks with this index of outputs, all of whose checksums hold.
std::shared_ptr<const Archive> forged(const Store& store, std::initializer_list<std::uint64_t> index,
                                      const std::string& outputs) {
  Description description;
  description.manifest = test::manifest_for(2);
  description.result_stride = 1;
  fs::remove(store.file());
  ArchiveWriter out(store.file());
  std::string entries;
  for (const std::uint64_t number : index) detail::put(entries, number);
  for (const auto& [name, bytes] : {std::pair<const char*, std::string>{section::results, "AB"},
                                    {section::fingerprints, std::string(32, 'f')},
                                    {section::outputs, outputs},
                                    {section::output_index, entries}}) {
    out.begin(name);
    out.append(bytes);
  }
  out.finish(description);
  return store.archive();
}

TEST_CASE("An index of outputs that makes no sense costs outputs, and no result") {
  const Store store;
  const std::string output = written("out", "err");
  const std::uint64_t size = output.size();
  CHECK(said(forged(store, {1, 0, size}, output)->output(1)) == "out|err");
  CHECK_FALSE(forged(store, {1, 0, size}, output)->output(0));
  CHECK_FALSE(forged(store, {}, output)->output(0));
  CHECK_THROWS_AS(forged(store, {1, 0}, output), DamagedError);
  for (const auto& [at, length] : {std::pair<std::uint64_t, std::uint64_t>{0, size + 1},
                                   {size, 1},
                                   {UINT64_MAX, 2},
                                   {1, UINT64_MAX},
                                   {size - 1, 1}}) {
    INFO(at << ", " << length);
    const auto archive = forged(store, {1, at, length}, output);
    CHECK_THROWS_AS(archive->output(1), DamagedError);
    CHECK(archive->result(1) == "B");
  }
  // In no order: found or not, but never beyond its bytes.
  const auto disordered = forged(store, {UINT64_MAX, 0, size, 1, 0, size, 0, 0, size, 7, 0, size}, output);
  for (const std::uint64_t task : {0U, 1U}) {
    const std::string text = said(disordered->output(task));
    CHECK((text == "-" || text == "out|err"));
  }
}

TEST_CASE("A damaged output costs itself when an archive's results are reused") {
  Store store;
  const std::string large(3 * block_size, 'o');
  store.journal(1, 0, 2, {{{0, "a", "A", Outcome::done, 0, 1, written(large, "")}, {1, "b", "B"}}});
  store.merge(*store.catalog(2));
  const std::uint64_t at = store.archive()->description().sections.at(section::outputs).offset;
  test::flip_bit(store.file(), 8 * (at + block_size + 9));
  store.clear();
  const auto archive = store.archive();
  CHECK_THROWS_AS(archive->output(0), DamagedError);
  CHECK(import_archive(store.fence(), *archive) == 0);
  const auto catalog = store.catalog(2);
  CHECK(catalog->record(catalog->slot(0)).payload == "A");
  CHECK(catalog->record(catalog->slot(0)).output.empty());
}

TEST_CASE("A record's output that makes no sense is damage, and its result is read") {
  Store store;
  store.journal(1, 0, 1,
                {{{0, "a", "A", Outcome::done, 0, 1,
                   "\x7f"
                   "too short"}}});
  write_manifest(store.fence(), test::manifest_for(1));
  const Snapshot snapshot(store.directory());
  CHECK(snapshot.result(0) == "A");
  CHECK_THROWS_AS(snapshot.output(0), DamagedError);
  CHECK_THROWS_AS(store.merge(*store.catalog(1))->output(0), DamagedError);
}

}  // namespace
}  // namespace tasker::store
