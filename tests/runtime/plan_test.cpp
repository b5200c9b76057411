#include "runtime/plan.hpp"

#include "support/store_fixture.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tasker::runtime {
namespace {

/// A directory with one frame for each task, and what becomes of it with a list of arguments.
class Past {
 public:
  void add(std::uint64_t index, const std::string& argument, std::uint64_t seconds,
           store::Outcome outcome = store::Outcome::done) {
    const store::FrameInfo info{.together = 1, .duration = seconds * 1'000'000'000};
    writer_.append_bytes(test::frame_of({{index, argument, "result", outcome}}, name_.id, info));
  }
  const store::Catalog& with(const std::vector<std::string>& arguments) {
    writer_.close();
    catalog_ = store_.catalog(arguments.size());
    std::vector<std::uint64_t> indices;
    test::match(*catalog_, arguments, indices);
    for (const std::uint64_t index : indices) missing.insert({index, index + 1});
    return *catalog_;
  }
  base::IntervalSet missing;

 private:
  test::Store store_;
  const store::JournalName name_{1, 7, 0};
  store::JournalWriter writer_{
      store_.path_of(name_), name_.id, {test::manifest_for(1), {{"", 1, 0, "", "", 1, "", test::declared}}}};
  std::unique_ptr<store::Catalog> catalog_;
};

std::vector<std::string> letters(char first, int number) {
  std::vector<std::string> all;
  for (int i = 0; i < number; ++i) all.emplace_back(1, static_cast<char>(first + i));
  return all;
}

std::map<std::uint64_t, double> attempts(const store::Catalog& catalog) {
  std::map<std::uint64_t, double> last;
  each_attempt(catalog, [&](std::uint64_t index, double seconds) { last[index] = seconds; });
  return last;
}

TEST_CASE("How long tasks last is known from those that serve, from all others only while these are few") {
  const auto [served, mean] = GENERATE(table<int, double>({{0, 100.0}, {1, 91.0}, {20, 1.0}}));
  Past past;
  for (std::uint64_t i = 0; i < 10; ++i) past.add(i, "another version", 100);
  for (int i = 0; i < served; ++i)
    past.add(static_cast<std::uint64_t>(i), std::string(1, static_cast<char>('A' + i)), 1);
  const schedule::Pace pace = past_pace(past.with(letters('A', 26)), {});
  CHECK(pace.mean() == Approx(mean));
}

TEST_CASE("A task that is done is known by itself, also when others are missing") {
  Past past;
  past.add(0, "A", 300);
  past.add(1, "another version", 10);
  const store::Catalog& catalog = past.with(letters('A', 3));
  CHECK(attempts(catalog) == std::map<std::uint64_t, double>{{0, 300.0}, {1, 10.0}});
  const auto expected = [](std::uint64_t index) { return index == 0 ? 300.0 : 10.0; };
  CHECK(past_pace(catalog, expected).mean() == Approx(1));
}

TEST_CASE(
    "The latest attempt at a task tells how long it lasts, and its own argument's more than another's") {
  Past past;
  past.add(0, "A", 7, store::Outcome::failed);
  past.add(0, "A", 8, store::Outcome::failed);
  past.add(1, "B", 5);
  past.add(1, "another version", 6);
  CHECK(attempts(past.with(letters('A', 2))) == std::map<std::uint64_t, double>{{0, 8.0}, {1, 5.0}});
}

TEST_CASE("Tasks that were interrupted are known as long as they are missing") {
  Past past;
  past.add(0, "A", 7, store::Outcome::interrupted);
  past.add(1, "B", 8, store::Outcome::interrupted);
  past.add(1, "B", 9);
  past.add(2, "C", 10, store::Outcome::failed);
  const store::Catalog& catalog = past.with(letters('A', 3));
  const auto known = interrupted(catalog, past.missing);
  REQUIRE(known.size() == 1);
  CHECK(known[0] == std::pair<std::uint64_t, std::chrono::nanoseconds>(0, std::chrono::seconds(7)));
}

TEST_CASE(
    "The mean duration is right however long the tasks were, and where nothing is recorded there is none") {
  Past past;
  CHECK_FALSE(past_pace(past.with({}), {}).mean());
  Past longest;
  longest.add(0, "A", 18'446'744'073);
  CHECK(past_pace(longest.with(letters('A', 1)), {}).mean() == Approx(1.8446744e10));
}

}  // namespace
}  // namespace tasker::runtime
