#include "schedule/backlog.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace tasker::schedule {
namespace {

constexpr Room no_limit{};

/// So many seconds of an allocation of 1000, for tasks that last a second, or as expected.
Room room(double seconds) { return {seconds, 1000, 1}; }

Plan expects(std::vector<double> seconds, bool longest_first = false) {
  return {[seconds](std::uint64_t index) { return seconds[index]; }, longest_first, {}, {}};
}

TEST_CASE("Tasks come in their order, as many as fit") {
  Backlog backlog(IntervalSet({0, 100}));
  CHECK(backlog.take(10, no_limit) == Ranges{{0, 10}});
  CHECK(backlog.take(10, room(3.5)) == Ranges{{10, 13}});
  CHECK(backlog.take(10, room(0.9)).empty());
  CHECK(backlog.take(10, room(0)).empty());
  CHECK(backlog.take(10, room(-5)).empty());
  CHECK(backlog.size() == 87);
}

TEST_CASE("While nobody knows how long a task lasts, it is tried as long as there is time") {
  Backlog backlog(IntervalSet({0, 100}));
  CHECK(backlog.take(10, {0.001, 1000, {}}) == Ranges{{0, 10}});
  CHECK(backlog.take(10, {0, 1000, {}}).empty());
}

TEST_CASE("What won't fit into any allocation, or hardly, is tried one by one, at the begin of one") {
  const double unit = GENERATE(960, 2000);
  Backlog backlog(IntervalSet({0, 100}));
  CHECK(backlog.take(10, {950, 1000, unit}) == Ranges{{0, 1}});
  CHECK(backlog.take(10, {899, 1000, unit}).empty());
}

TEST_CASE("Of tasks that are expected to last unequally, those are taken that fit") {
  Backlog backlog(IntervalSet({0, 5}), expects({30, 2, 5, 1, 40}));
  CHECK(backlog.expected({{0, 2}, {4, 5}}) == 72);
  CHECK(backlog.take(1, room(500)) == Ranges{{0, 1}});
  CHECK(backlog.take(1, room(6)) == Ranges{{2, 3}});
  CHECK(backlog.take(9, room(6)) == Ranges{{1, 2}, {3, 4}});
  CHECK(backlog.take(9, room(6)).empty());
  CHECK(backlog.tasks() == IntervalSet({4, 5}));
  backlog.insert({{0, 2}});
  CHECK(backlog.take(9, {60, 1000, 20}) == Ranges{{1, 2}});
  CHECK(backlog.size() == 2);
}

TEST_CASE("The longest come first, and what comes back has its place again") {
  Backlog backlog(IntervalSet({0, 4}), expects({3, 1, 4, 2}, true));
  CHECK(backlog.take(2, no_limit) == Ranges{{0, 1}, {2, 3}});
  CHECK(backlog.take(1, no_limit) == Ranges{{3, 4}});
  backlog.insert({{2, 3}});
  CHECK(backlog.take(1, no_limit) == Ranges{{2, 3}});
  backlog.insert({{0, 1}});
  backlog.erase({0, 2});
  CHECK(backlog.empty());
  CHECK(backlog.take(1, no_limit).empty());
}

TEST_CASE("What won't fit into any allocation comes when it is alone with its like") {
  Backlog backlog(IntervalSet({0, 3}), expects({5000, 10, 2000}));
  CHECK(backlog.take(3, room(1000)) == Ranges{{1, 2}});
  CHECK(backlog.take(3, room(899)).empty());
  CHECK(backlog.take(3, room(1000)) == Ranges{{2, 3}});
}

TEST_CASE(
    "A task that goes on from a state comes first and always fits; one that was interrupted needs a whole "
    "allocation") {
  Plan plan;
  plan.resumed.insert({7, 8});
  plan.interrupted.insert({5, 6});
  Backlog backlog(IntervalSet({0, 10}), plan);
  CHECK(backlog.size() == 10);
  CHECK(backlog.take(4, room(0.5)) == Ranges{{7, 8}});
  CHECK(backlog.take(4, room(800)) == Ranges{{0, 4}});
  CHECK(backlog.take(4, room(900)) == Ranges{{5, 6}});
  backlog.insert({{5, 8}});
  CHECK(backlog.tasks().size() == 6);
  CHECK(backlog.take(4, no_limit) == Ranges{{7, 8}});
  CHECK(backlog.take(4, no_limit) == Ranges{{5, 6}});
}

TEST_CASE("A suspect comes alone, whatever is known of tasks") {
  const bool expected = GENERATE(false, true);
  Backlog backlog(IntervalSet({0, 6}), expected ? expects({1, 1, 1, 1, 1, 1}) : Plan());
  backlog.suspect({{2, 3}});
  CHECK(backlog.take(6, no_limit) == Ranges{{0, 2}});
  CHECK(backlog.take(6, no_limit) == Ranges{{2, 3}});
  CHECK(backlog.take(6, no_limit) == Ranges{{3, 6}});
}

}  // namespace
}  // namespace tasker::schedule
