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
  std::chrono::seconds lasts() const { return lasts_times(1); }
  std::chrono::seconds lasts_times(int n) const {
    return n * std::chrono::seconds(5) * static_cast<int>(radius);
  }
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
    std::string bytes;
    tasker::detail::encode(bytes, args[1]);
    return call.expected(bytes);
  };
  const std::vector<std::pair<Disk, int>> many{{}, {disks[1], 2}};
  CHECK(seconds(&Disk::lasts, disks) == 10);
  CHECK(seconds(&Disk::lasts_times, many) == 20);
  CHECK(seconds([](auto a, auto b) { return std::chrono::seconds(a + b); }, pairs) == 7);
}

namespace {

template <class Fn, class Args>
using ResultOf = tasker::detail::ResultOf<Fn, Args>;
template <class T>
using ArgumentOf = tasker::detail::ArgumentOf<std::vector<T>>;

}  // namespace

TEST_CASE("text of somebody else is kept as a string") {
  using Strings = std::vector<std::string>;
  using Sizes = std::vector<std::size_t>;
  char program[] = "job";
  char file[] = "a.txt";
  char* argv[] = {program, file};
  CHECK(results_of([](std::string name) { return name.size(); }, std::span(argv + 1, std::size_t{1})) ==
        Sizes{5});
  CHECK(results_of([](std::string_view name) { return name.size(); }, std::vector<const char*>{"a", "bc"}) ==
        Sizes{1, 2});
  const char names[2][4] = {"abc", {'d', 'e', 'f', 'g'}};
  CHECK(results_of([](const std::string& name) { return name; }, names) == Strings{"abc", "defg"});
  const std::vector<std::pair<const char*, std::string_view>> nested{{"a", "bc"}};
  CHECK(results_of([](const std::string& a, const std::string& b) { return a + b; }, nested) ==
        Strings{"abc"});

  CHECK(results_of([](int a, int b) { return a + b > 3 ? "large" : "small"; }, pairs) ==
        Strings{"small", "large"});
  CHECK(results_of([](int, int) -> const char(&)[4] { return "abc"; }, pairs) == Strings{"abc", "abc"});
  CHECK(results_of([](int, int) { return std::tuple("abc", 1); }, pairs)[0] ==
        std::tuple(std::string("abc"), 1));

  CHECK(tasker::digest("abc") == tasker::digest(std::string("abc")));
  CHECK(tasker::digest(argv[1]) == tasker::digest(std::string("a.txt")));
  const auto saved = [](int, int, Context& context) {
    context.save("abc");
    return context.load<std::string>().value();
  };
  CHECK(results_of(saved, pairs) == Strings{"abc", "abc"});
}

TEST_CASE("a char* that is null is told, whether it is an argument or a result") {
  const auto size = [](const std::string& text) { return text.size(); };
  CHECK_THROWS_AS(results_of(size, std::vector<const char*>{nullptr}), tasker::UsageError);
  CHECK_THROWS_WITH(results_of(size, std::vector<char*>{nullptr}), Catch::Contains("a char* is null"));
  CHECK_THROWS_WITH(results_of([](int, int) -> const char* { return nullptr; }, pairs),
                    Catch::Contains("a char* is null"));
  CHECK_THROWS_AS(tasker::digest(static_cast<const char*>(nullptr)), tasker::UsageError);
}

TEST_CASE("what a tuple or pair refers to is kept as a value, and keys of maps are values") {
  std::vector<double> a{1, 2};
  std::vector<double> b{3, 4};
  const auto product = [](double x, double y) { return x * y; };
  auto tied = std::views::iota(0, 2) | std::views::transform([&](int i) {
                const auto at = static_cast<std::size_t>(i);
                return std::tie(a[at], b[at]);
              });
  CHECK(results_of(product, tied) == std::vector<double>{3, 8});
  const auto min_max = [](const double& x, const double& y) { return std::minmax(x, y); };
  CHECK(results_of(min_max, tied)[1] == std::pair(2.0, 4.0));

  const std::map<int, double> map{{1, 2.0}, {3, 4.0}};
  std::vector<std::map<int, double>::value_type> values(map.begin(), map.end());
  CHECK(results_of([](int key, double value) { return key * value; }, values) == std::vector<double>{2, 12});
  CHECK(results_of([&](int key, double) { return *map.find(key); }, values)[1] == std::pair(3, 4.0));
  CHECK(results_of([&](int, double) { return values; }, values)[1] == values);
  CHECK(results_of([](const auto& all) { return all.size(); }, std::vector<decltype(values)>{values}) ==
        std::vector<std::size_t>{2});
  std::vector<bool> flags{false, true};
  CHECK(results_of([&](int key, double) { return flags[key > 1]; }, values) == flags);
  STATIC_REQUIRE(std::same_as<ArgumentOf<std::tuple<int&, const char*>>, std::tuple<int, std::string>>);
}
