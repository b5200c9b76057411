#include "support/call.hpp"

#include <catch2/catch.hpp>

#include <span>

// Which of the ways to call fn is chosen.

using tasker::Context;
using tasker::test::results_of;

namespace {

std::size_t length(const std::string& text) { return text.size(); }
int sum(int a, int b) { return a + b; }

struct Disk {
  double radius = 1;
  double area() const { return 3 * radius * radius; }
  double scaled(double factor) const { return factor * radius; }
  double in_task(Context& context) { return radius + static_cast<double>(context.index()); }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& radius;
  }
};

const std::vector<std::string> words{"a", "bc"};
const std::vector<std::pair<int, int>> pairs{{1, 2}, {3, 4}};
const std::vector<Disk> disks{{1}, {2}};

}  // namespace

TEST_CASE("a lambda of any types is asked only what its number of parameters allows") {
  using Sizes = std::vector<std::size_t>;
  using Ints = std::vector<int>;
  CHECK(results_of([](auto a, auto b) { return a + b; }, pairs) == Ints{3, 7});
  CHECK(results_of([](const auto& a, auto&& b) { return a + b; }, pairs) == Ints{3, 7});
  CHECK(results_of([](auto pair) { return pair.first; }, pairs) == Ints{1, 3});
  CHECK(results_of([](auto& pair) { return pair.second; }, pairs) == Ints{2, 4});
  CHECK(results_of([](auto pair, Context& context) { return pair.first + int(context.index()); }, pairs) ==
        Ints{1, 4});
  CHECK(results_of([](auto a, auto b, auto& context) { return a + b + int(context.index()); }, pairs) ==
        Ints{3, 8});
  CHECK(results_of([](auto text) { return text.size(); }, words) == Sizes{1, 2});
  CHECK(results_of([](const auto& text, auto& context) { return text.size() + context.index(); }, words) ==
        Sizes{1, 3});
}

TEST_CASE("a lambda of any number of parameters gets the first that compiles") {
  CHECK(results_of([](auto&&... all) { return length(all...); }, words) == std::vector<std::size_t>{1, 2});
  CHECK(results_of([](auto... all) { return sizeof...(all); }, pairs) == std::vector<std::size_t>{1, 1});
  // Whose return type is known without its body.
  CHECK(results_of([](auto... all) -> decltype(sum(all...)) { return sum(all...); }, pairs) ==
        std::vector<int>{3, 7});
}

TEST_CASE("fn may be whatever std::invoke can call") {
  using Doubles = std::vector<double>;
  CHECK(results_of(&Disk::area, disks) == Doubles{3, 12});
  CHECK(results_of(&Disk::radius, disks) == Doubles{1, 2});
  CHECK(results_of(&Disk::in_task, disks) == Doubles{1, 3});
  CHECK(results_of(&Disk::scaled, std::vector<std::pair<Disk, double>>{{{2}, 3.0}}) == Doubles{6});
  CHECK(results_of(&Disk::area, std::vector<std::shared_ptr<Disk>>{std::make_shared<Disk>()}) == Doubles{3});
  CHECK(results_of(std::function(sum), pairs) == std::vector<int>{3, 7});
  CHECK(results_of(length, words) == std::vector<std::size_t>{1, 2});
}

TEST_CASE("how long a task lasts may be asked in the same ways") {
  const auto seconds = [](auto duration_of, auto& args) {
    tasker::detail::MapCall call;
    tasker::detail::add_to_call(call, args, tasker::expected(duration_of));
    return call.expected(1);
  };
  struct Job {
    std::chrono::seconds length;
    std::chrono::seconds times(int n) const { return n * length; }
  };
  const std::vector<Job> jobs{{}, {std::chrono::seconds(5)}};
  const std::vector<std::pair<Job, int>> many{{}, {jobs[1], 2}};
  CHECK(seconds(&Job::length, jobs) == 5);
  CHECK(seconds(&Job::times, many) == 10);
  CHECK(seconds([](auto a, auto b) { return std::chrono::seconds(a + b); }, pairs) == 7);
}
