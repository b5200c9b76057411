#include "base/intervals.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <stdexcept>

namespace tasker::base {
namespace {

TEST_CASE("Ranges are split after the indices that are kept, inside a range or between two") {
  const Ranges whole = {{0, 3}, {10, 12}, {20, 21}};
  REQUIRE(count(whole) == 6);

  for (std::uint64_t kept = 0; kept <= 7; ++kept) {
    Ranges front = whole;
    const Ranges behind = split_after(front, kept);
    INFO("kept " << kept);
    CHECK(count(front) == std::min<std::uint64_t>(kept, 6));
    CHECK(count(front) + count(behind) == 6);
    for (const Range& range : front) CHECK(range.size() > 0);
    for (const Range& range : behind) CHECK(range.size() > 0);
  }

  Ranges inside = whole;
  CHECK(split_after(inside, 4) == Ranges{{11, 12}, {20, 21}});
  CHECK(inside == Ranges{{0, 3}, {10, 11}});
  Ranges between = whole;
  CHECK(split_after(between, 3) == Ranges{{10, 12}, {20, 21}});
  CHECK(between == Ranges{{0, 3}});
}

TEST_CASE("Adjacent and overlapping ranges become one") {
  IntervalSet set;
  set.insert({5, 7});
  set.insert({0, 2});
  CHECK(set.ranges() == Ranges{{0, 2}, {5, 7}});
  set.insert({2, 5});
  CHECK(set.ranges() == Ranges{{0, 7}});
  set.insert({3, 4});
  CHECK(set.ranges() == Ranges{{0, 7}});
  set.insert({6, 20});
  CHECK(set.ranges() == Ranges{{0, 20}});
  CHECK(set.size() == 20);
  CHECK(set == IntervalSet(Range{0, 20}));
}

TEST_CASE("An empty range adds nothing, and one that ends before it begins is refused") {
  IntervalSet set;
  set.insert({4, 4});
  CHECK(set.empty());
  CHECK(set.ranges().empty());
  CHECK_THROWS_AS(set.insert({4, 3}), std::invalid_argument);
  CHECK(set.empty());
}

TEST_CASE("What is erased is out of the set, whatever ranges it lay in") {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    IntervalSet set;
    std::set<std::uint64_t> indices;
    for (int step = 0; step < 40; ++step) {
      const std::uint64_t first = random() % 60;
      const Range range{first, first + random() % 12};
      const bool erases = random() % 2 == 0;
      erases ? set.erase(range) : set.insert(range);
      for (std::uint64_t i = range.first; i < range.last; ++i) {
        if (erases)
          indices.erase(i);
        else
          indices.insert(i);
      }
      REQUIRE(set.size() == indices.size());
      for (std::uint64_t i = 0; i < 80; ++i) REQUIRE(set.contains(i) == indices.contains(i));
    }
  }
  IntervalSet set(Range{2, 4});
  CHECK_THROWS_AS(set.erase({4, 3}), std::invalid_argument);
}

TEST_CASE("Of some ranges those indices are found that are in the set") {
  IntervalSet set({2, 5});
  set.insert({8, 10});
  CHECK(set.among({{0, 3}, {4, 9}}).ranges() == Ranges{{2, 3}, {4, 5}, {8, 9}});
  CHECK(set.among({{5, 8}, {10, 20}}).empty());
  CHECK(set.among({{0, 100}}) == set);
  CHECK(IntervalSet().among({{0, 1}}).empty());
}

TEST_CASE("Taking hands out the first indices, across gaps, and no more than there are") {
  IntervalSet set;
  set.insert(Ranges{{0, 2}, {10, 13}, {50, 60}});
  CHECK(set.take(0).empty());
  CHECK(set.take(4) == Ranges{{0, 2}, {10, 12}});
  CHECK(set.size() == 11);
  CHECK_FALSE(set.contains(11));
  CHECK(set.contains(12));
  CHECK(set.take(100) == Ranges{{12, 13}, {50, 60}});
  CHECK(set.empty());
  CHECK(set.take(1).empty());
}

TEST_CASE("The largest indices are held without overflow") {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  IntervalSet set(Range{0, most});
  CHECK(set.size() == most);
  CHECK(set.contains(most - 1));
  CHECK_FALSE(set.contains(most));
  CHECK(set.take(10) == Ranges{{0, 10}});
  set.insert({0, 10});
  CHECK(set == IntervalSet(Range{0, most}));
}

TEST_CASE("An interval set holds what a plain set holds, after any inserts and takes") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    IntervalSet intervals;
    std::set<std::uint64_t> plain;
    for (int step = 0; step < 60; ++step) {
      if (random() % 3 != 0) {
        const std::uint64_t first = random() % 60;
        const Range range{first, first + random() % 12};
        intervals.insert(range);
        for (std::uint64_t index = range.first; index < range.last; ++index) plain.insert(index);
      } else {
        for (const Range& range : intervals.take(random() % 20)) {
          for (std::uint64_t index = range.first; index < range.last; ++index) {
            REQUIRE(*plain.begin() == index);
            plain.erase(plain.begin());
          }
        }
      }
      REQUIRE(intervals.size() == plain.size());
      const Ranges ranges = intervals.ranges();
      REQUIRE(count(ranges) == plain.size());
      for (std::size_t i = 0; i + 1 < ranges.size(); ++i) REQUIRE(ranges[i].last < ranges[i + 1].first);
      for (std::uint64_t index = 0; index < 75; ++index) {
        REQUIRE(intervals.contains(index) == plain.contains(index));
      }
    }
  }
}

}  // namespace
}  // namespace tasker::base
