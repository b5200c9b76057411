#include "store/match.hpp"

#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <random>

namespace tasker::store {
namespace {

using test::Kept;
using test::Store;
using Strings = std::vector<std::string>;
using Indices = std::vector<std::uint64_t>;

/// What each task got, "-" where it is missing.
Strings payloads(const Catalog& catalog) {
  Strings all;
  for (std::uint64_t i = 0; i < catalog.tasks(); ++i)
    all.push_back(catalog.slot(i).done() ? std::string(catalog.record(catalog.slot(i)).payload) : "-");
  return all;
}

Strings carried(const Catalog& catalog) {
  Strings all;
  for (const Stray& stray : catalog.strays()) all.emplace_back(catalog.record(stray.entry).payload);
  std::sort(all.begin(), all.end());
  return all;
}

struct Matched {
  MatchResult result;
  Strings payloads;
  Indices missing;
  Strings carried;
};

Matched matched(const Store& store, const Strings& arguments) {
  Matched all;
  const auto catalog = store.catalog(arguments.size());
  all.result = test::match(*catalog, arguments, all.missing);
  all.payloads = payloads(*catalog);
  all.carried = carried(*catalog);
  CHECK(all.result.reused + all.missing.size() == arguments.size());
  CHECK(all.result.carried == all.carried.size());
  return all;
}

TEST_CASE("Success beats failure, then the later run wins") {
  Store store;
  store.journal(1, 0, 4,
                {{{0, "a", "A1"}, {1, "b", "failed", Outcome::failed}, {2, "c", "f1", Outcome::failed}}});
  store.journal(
      2, 0, 4,
      {{{0, "a", "failed", Outcome::failed, 0, 2}, {1, "b", "B2"}, {2, "c", "f2", Outcome::failed, 0, 2}}});
  store.journal(3, 0, 4, {{{1, "b", "B3"}, {1, "b", "B4"}}});
  const auto catalog = store.catalog(4);
  CHECK(catalog->records() == 8);
  CHECK(payloads(*catalog) == Strings{"A1", "B4", "-", "-"});
  CHECK(catalog->slot(2).outcome == Outcome::failed);
  CHECK(catalog->slot(2).attempt == 2);
  CHECK(catalog->slot(3).outcome == Outcome::none);
  CHECK(catalog->strays().empty());
}

TEST_CASE("The ranks of a run may have tried a task in any order: its last attempt counts") {
  Store store;
  store.journal(1, 0, 2, {{{0, "a", "third", Outcome::failed, 0, 3}, {1, "b", "first", Outcome::failed}}});
  store.journal(1, 1, 2, {{{0, "a", "first", Outcome::failed}, {1, "b", "third", Outcome::crashed, 0, 3}}});
  store.journal(1, 2, 2,
                {{{0, "a", "second", Outcome::failed, 0, 2}, {1, "b", "second", Outcome::failed, 0, 2}}});
  auto catalog = store.catalog(2);
  for (const std::uint64_t index : {0U, 1U}) {
    CHECK(catalog->slot(index).attempt == 3);
    CHECK(catalog->record(catalog->slot(index)).payload == "third");
  }
  // Attempts at another argument are counted anew.
  store.journal(2, 0, 2, {{{0, "new", "first", Outcome::failed}}});
  catalog = store.catalog(2);
  CHECK(catalog->slot(0).attempt == 1);
}

TEST_CASE("The same list is reused whole, what failed or is missing is computed") {
  Store store;
  store.journal(1, 0, 4, {{{0, "a", "A"}, {1, "b", "why", Outcome::failed}, {3, "d", "D"}}});
  const auto all = matched(store, {"a", "b", "c", "d"});
  CHECK(all.payloads == Strings{"A", "-", "-", "D"});
  CHECK(all.missing == Indices{1, 2});
  CHECK(all.result.moved == 0);
  CHECK(all.carried.empty());
}

TEST_CASE("Arguments inserted, removed, reordered, changed: exactly the new ones are computed") {
  Store store;
  store.journal(1, 0, 4, {{{0, "a", "A"}, {1, "b", "B"}, {2, "c", "C"}, {3, "d", "D"}}});
  SECTION("inserted") {
    const auto all = matched(store, {"new", "a", "b", "new2", "c", "d"});
    CHECK(all.payloads == Strings{"-", "A", "B", "-", "C", "D"});
    CHECK(all.result.moved == 4);
    CHECK(all.carried.empty());
  }
  SECTION("removed") {
    const auto all = matched(store, {"a", "d"});
    CHECK(all.payloads == Strings{"A", "D"});
    CHECK(all.carried == Strings{"B", "C"});
  }
  SECTION("reordered") {
    const auto all = matched(store, {"d", "b", "a", "c"});
    CHECK(all.payloads == Strings{"D", "B", "A", "C"});
    CHECK(all.result.moved == 3);
  }
  SECTION("changed") {
    const auto all = matched(store, {"a", "x", "c", "d"});
    CHECK(all.payloads == Strings{"A", "-", "C", "D"});
    CHECK(all.carried == Strings{"B"});
  }
  SECTION("none") { CHECK(matched(store, {}).carried == Strings{"A", "B", "C", "D"}); }
}

TEST_CASE("Equal arguments are told apart by occurrence: a record serves one task") {
  Store store;
  store.journal(1, 0, 3, {{{0, "a", "A0"}, {1, "b", "B"}, {2, "a", "A2"}}});
  SECTION("in place") { CHECK(matched(store, {"a", "b", "a"}).payloads == Strings{"A0", "B", "A2"}); }
  SECTION("one more") {
    const auto all = matched(store, {"a", "a", "a", "b"});
    CHECK(all.payloads == Strings{"A0", "-", "A2", "B"});
    CHECK(all.missing == Indices{1});
  }
  SECTION("one fewer") {
    const auto all = matched(store, {"b", "a"});
    CHECK(all.payloads == Strings{"B", "A0"});
    CHECK(all.carried == Strings{"A2"});
  }
  SECTION("all moved") {
    CHECK(matched(store, {"x", "a", "y", "a"}).payloads == Strings{"-", "A0", "-", "A2"});
  }
}

TEST_CASE("A record that is bound to its index never moves") {
  Store store;
  store.journal(1, 0, 3, {{{0, "a", "A0", Outcome::done, bound_to_index}, {1, "b", "B"}}});
  CHECK(matched(store, {"a", "b", "new"}).payloads == Strings{"A0", "B", "-"});
  const auto moved = matched(store, {"b", "a", "a"});
  CHECK(moved.payloads == Strings{"B", "-", "-"});
  CHECK(moved.carried == Strings{"A0"});
}

TEST_CASE("A record that is bound to the number of tasks serves lists of that length alone") {
  Store store;
  store.journal(1, 0, 2, {{{0, "a", "A of 2", Outcome::done, bound_to_count}, {1, "b", "B"}}});
  CHECK(matched(store, {"a", "b"}).payloads == Strings{"A of 2", "B"});
  CHECK(matched(store, {"b", "a"}).payloads == Strings{"B", "A of 2"});
  const auto longer = matched(store, {"a", "b", "c"});
  CHECK(longer.payloads == Strings{"-", "B", "-"});
  CHECK(longer.carried == Strings{"A of 2"});

  store.journal(2, 0, 3, {{{0, "a", "A of 3", Outcome::done, bound_to_count}}});
  CHECK(matched(store, {"a", "b", "c"}).payloads == Strings{"A of 3", "B", "-"});
  const auto shorter = matched(store, {"a", "b"});
  CHECK(shorter.payloads == Strings{"A of 2", "B"});
  CHECK(shorter.carried == Strings{"A of 3"});
}

TEST_CASE("Where the number of tasks is lost with a journal's header, what is bound to it is computed") {
  Store store;
  const std::string a(100, 'a');  // long enough for a fingerprint
  const std::string b(100, 'b');
  const JournalName name =
      store.journal(1, 0, 2, {{{0, a, "A", Outcome::done, bound_to_count}, {1, b, "B"}}});
  test::lose_header(store.path_of(name));
  const auto all = matched(store, {a, b});
  CHECK(all.payloads == Strings{"-", "B"});
  CHECK(all.carried == Strings{"A"});
}

TEST_CASE("Runs with different lists share what they have in common") {
  Store store;
  store.journal(1, 0, 3, {{{0, "a", "A"}, {1, "b", "B"}, {2, "c", "C"}}});
  store.journal(2, 0, 2, {{{0, "x", "X"}, {1, "y", "Y"}}});
  store.journal(3, 0, 5, {{{4, "z", "Z"}}});
  CHECK(matched(store, {"a", "b", "c"}).payloads == Strings{"A", "B", "C"});
  CHECK(matched(store, {"x", "y"}).payloads == Strings{"X", "Y"});
  CHECK(matched(store, {"z", "y", "c", "b", "a"}).payloads == Strings{"Z", "Y", "C", "B", "A"});
}

TEST_CASE("A failure neither hides a result that another list left, nor comes back as one") {
  Store store;
  store.journal(1, 0, 2, {{{0, "a", "A"}}});
  store.journal(2, 0, 2, {{{0, "x", "X"}}});
  store.journal(3, 0, 2, {{{0, "a", "why", Outcome::failed}, {1, "b", "why", Outcome::failed, 0, 4}}});
  store.journal(4, 0, 2, {{{0, "y", "Y"}}});
  const auto all = matched(store, {"a", "b"});
  CHECK(all.payloads == Strings{"A", "-"});
  CHECK(all.carried == Strings{"X", "Y"});
  CHECK(matched(store, {"b", "a"}).payloads == Strings{"-", "A"});

  // A task that failed takes what the same argument gave elsewhere.
  store.journal(5, 0, 2, {{{1, "y", "why", Outcome::failed}}});
  CHECK(matched(store, {"b", "y"}).payloads == Strings{"-", "Y"});
}

TEST_CASE("A failed task keeps its count of attempts until it is done") {
  Store store;
  store.journal(1, 0, 2, {{{0, "a", "why", Outcome::failed, 0, 3}}});
  const auto catalog = store.catalog(2);
  Indices missing;
  test::match(*catalog, {"a", "b"}, missing);
  CHECK(missing == Indices{0, 1});
  CHECK(catalog->slot(0).attempt == 3);
  CHECK(catalog->slot(1).attempt == 0);
}

TEST_CASE("What another build computed is counted") {
  Store store;
  store.journal(1, 0, 2, {{{0, "a", "A"}, {1, "b", "B"}}});
  auto catalog = store.catalog(2);
  Matcher matcher(*catalog, "newer build");
  matcher.next(test::fingerprint_of("a"));
  matcher.next(test::fingerprint_of("c"));
  CHECK(matcher.finish([](base::Range) {}).other_build == 1);
}

TEST_CASE("Without records everything is missing, without tasks nothing is") {
  const Store store;
  CHECK(matched(store, {"a", "b"}).missing == Indices{0, 1});
  CHECK(matched(store, {}).missing.empty());
}

TEST_CASE("What is missing is told in ranges, in order") {
  Store store;
  store.journal(1, 0, 7, {{{2, "c", "C"}, {5, "f", "F"}}});
  const auto catalog = store.catalog(7);
  base::Ranges ranges;
  Matcher matcher(*catalog, "build");
  for (const char* argument : {"a", "b", "c", "d", "e", "f", "g"})
    matcher.next(test::fingerprint_of(argument));
  matcher.finish([&](base::Range range) { ranges.push_back(range); });
  CHECK(ranges == base::Ranges{{0, 2}, {3, 5}, {6, 7}});
}

/// What is reused of random journals for a random list. `runs`: whether arguments are taken many at a time.
Matched matched_at_random(unsigned seed, bool runs) {
  std::mt19937 random(seed);
  const auto letter = [&] { return std::string(1, static_cast<char>('a' + random() % 4)); };
  const std::uint64_t tasks = 1 + random() % 60;
  Store store;
  for (std::uint32_t run = 1; run <= 3; ++run) {
    test::Frames frames;
    for (std::uint64_t index = 0; index < tasks; index += 1 + random() % 2) {
      if (frames.empty() || random() % 10 == 0) frames.emplace_back();
      const std::string argument = random() % 40 == 0 ? letter() + letter() : index % 3 == 0 ? letter() : "x";
      frames.back().push_back({index, argument, std::to_string(run) + ":" + std::to_string(index),
                               random() % 20 == 0 ? Outcome::failed : Outcome::done,
                               random() % 20 == 0 ? bound_to_index : std::uint8_t{0}});
    }
    store.journal(run, 0, tasks, frames);
  }
  std::string arguments;
  for (std::uint64_t index = 0; index < tasks; ++index) arguments += index % 3 == 0 ? letter() : "x";
  const auto catalog = store.catalog(tasks);
  Matcher matcher(*catalog, "build");
  const Fingerprinter fingerprinter(test::declared);
  for (std::uint64_t index = 0; index < tasks;) {
    const std::uint64_t count = runs ? 1 + random() % (tasks - index) : 1;
    matcher.next(std::string_view(arguments).substr(index, count), count, fingerprinter);
    index += count;
  }
  Matched all;
  all.result = matcher.finish([&](base::Range range) {
    for (std::uint64_t i = range.first; i < range.last; ++i) all.missing.push_back(i);
  });
  all.payloads = payloads(*catalog);
  all.carried = carried(*catalog);
  return all;
}

TEST_CASE("It makes no difference whether arguments are compared one by one or many at a time") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    const Matched one_by_one = matched_at_random(seed, false);
    const Matched many = matched_at_random(seed, true);
    CHECK(many.payloads == one_by_one.payloads);
    CHECK(many.missing == one_by_one.missing);
    CHECK(many.carried == one_by_one.carried);
    CHECK(many.result.reused == one_by_one.result.reused);
    CHECK(many.result.moved == one_by_one.result.moved);
  }
}

TEST_CASE("A hundred thousand equal arguments that move cost no more than different ones") {
  Store store;
  constexpr std::uint64_t n = 100'000;  // a square of it would not end
  test::Frames frames(2);
  for (std::uint64_t i = 0; i < n; ++i) frames[2 * i / n].push_back({i, "same", std::to_string(i)});
  store.journal(1, 0, n, frames);
  const auto catalog = store.catalog(2 * n);
  Strings arguments(n, "other");
  arguments.resize(2 * n, "same");
  Indices missing;
  const MatchResult result = test::match(*catalog, arguments, missing);
  CHECK(result.moved == n);
  CHECK(missing.size() == n);
  CHECK(catalog->record(catalog->slot(n + 17)).payload == "17");
}

}  // namespace
}  // namespace tasker::store
