#include "runtime/arguments.hpp"

#include "support/root.hpp"
#include "support/store_fixture.hpp"
#include "support/types.hpp"

#include <tasker/detail/make_call.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <deque>
#include <numeric>
#include <ranges>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace tasker::runtime {
namespace {

using Catch::Contains;

template <class Args>
detail::MapCall call_of(const std::filesystem::path& file, Args& args) {
  return detail::make_call(
      file, [](const auto&) { return 0; }, args, Options());
}

template <class Args>
constexpr bool in_place = detail::readable_in_place<Args>;

static_assert(in_place<std::vector<double>>);
static_assert(in_place<const std::vector<std::string>>);
static_assert(in_place<std::span<const std::pair<int, std::vector<float>>>>);
static_assert(in_place<decltype(std::views::iota(0, 9))>);
// A pointer may be null, which is the program's error; the others call its code or that of an allocator.
static_assert(!in_place<std::vector<const char*>>);
static_assert(!in_place<std::vector<bool>>);
static_assert(!in_place<std::deque<int>>);
static_assert(!in_place<std::vector<types::Model>>);
static_assert(!in_place<decltype(std::views::iota(0, 9) | std::views::transform([](int i) { return i; }))>);

TEST_CASE("Arguments that need code of the program's are made once each, in order, and read ever after") {
  const test::TemporaryDirectory home;
  std::vector<int> made;
  auto args = std::views::iota(0, 100'000) | std::views::transform([&](int i) {
                made.push_back(i);
                return i % 1000 == 7 ? std::string(9000, 'x') : std::to_string(i);
              });
  const auto call = call_of(home.path() / "a.dat", args);
  Arguments arguments(call);
  CHECK(arguments.made() == 0);
  std::uint64_t seen = 0;
  while (arguments.make_more()) {
    CHECK(arguments.made() > seen);
    seen = arguments.made();
  }
  CHECK(arguments.all_made());
  std::vector<int> all(100'000);
  std::iota(all.begin(), all.end(), 0);
  CHECK(made == all);
  std::uint64_t index = 0;
  arguments.each([&](std::string_view bytes) {
    const auto text = detail::decode<std::string>(bytes);
    if (text != (index % 1000 == 7 ? std::string(9000, 'x') : std::to_string(index)))
      FAIL("argument " << index);
    ++index;
    return true;
  });
  CHECK(index == 100'000);
  for (const std::uint64_t one : {0U, 7U, 8U, 65'535U, 99'999U}) {
    std::string expected;
    detail::encode(expected, one % 1000 == 7 ? std::string(9000, 'x') : std::to_string(one));
    CHECK(arguments[one] == expected);
  }
  CHECK(made == all);
}

/// `size_of_each`: the bytes of an argument in a row of others.
template <class Make>
void check_limits(Make argument, std::size_t size_of_each) {
  const test::TemporaryDirectory home;
  auto args = std::views::iota(0, 50) | std::views::transform(argument);
  const auto call = call_of(home.path() / "a.dat", args);
  Arguments arguments(call);
  while (arguments.make_more()) continue;
  std::string out;
  CHECK(arguments.append(3, 50, 1, out) == 1);
  CHECK(out.size() == size_of_each);
  CHECK(arguments.append(4, 50, 3 * size_of_each, out) == 2);
  CHECK(arguments.append(6, 8, 1000, out) == 2);
  detail::Reader in(out);
  for (int i = 3; i < 8; ++i)
    CHECK(detail::decode<decltype(argument(i))>(call.take_argument(in)) == argument(i));
}

TEST_CASE("As many arguments are appended as a limit allows, one at least") {
  check_limits([](int i) { return i; }, 4);
  check_limits([](int i) { return std::string(3, static_cast<char>('a' + i)); }, 19);
}

TEST_CASE("Arguments that lie in memory as they are stored are encoded as others are") {
  struct At {
    double x;
    std::int64_t y;
  };
  std::vector<At> in_memory;
  for (int i = 0; i < 50; ++i) in_memory.push_back({i / 2.0, i});
  const std::deque<At> elsewhere(in_memory.begin(), in_memory.end());
  const auto copied = call_of("a.dat", in_memory);
  const auto encoded = call_of("a.dat", elsewhere);
  for (const std::uint64_t first : {0U, 7U, 49U})
    for (std::uint64_t last = first + 1; last <= 50; ++last)
      for (const std::size_t most : {std::size_t{0}, std::size_t{3}, std::size_t{16}, std::size_t{19},
                                     std::size_t{20}, std::size_t{100}, SIZE_MAX}) {
        std::string out = "abc";
        std::string expected = "abc";
        REQUIRE(copied.encode_arguments(first, last, most, out) ==
                encoded.encode_arguments(first, last, most, expected));
        REQUIRE(out == expected);
      }
}

TEST_CASE("Arguments may take no bytes at all") {
  const test::TemporaryDirectory home;
  auto args = std::views::iota(0, 50) | std::views::transform([](int) { return std::monostate(); });
  const auto call = call_of(home.path() / "a.dat", args);
  Arguments arguments(call);
  arguments.make(50);
  std::string out;
  CHECK(arguments.append(20, 50, 1000, out) == 30);
  CHECK(out.empty());
  CHECK(arguments[49].empty());
}

TEST_CASE("Which argument it is that can't be made is told, and those before it are there") {
  const test::TemporaryDirectory home;
  auto args = std::views::iota(0, 5000) | std::views::transform([](int i) {
                return i == 3210 ? throw std::runtime_error("no such file") : i;
              });
  const auto call = call_of(home.path() / "a.dat", args);
  Arguments arguments(call);
  const auto make_all = [&] {
    while (arguments.make_more()) continue;
  };
  CHECK_THROWS_WITH(make_all(),
                    Contains("the argument of task 3210 could not be made") && Contains("no such file"));
  CHECK(arguments.made() <= 3210);
}

TEST_CASE("Another thread reads what is made while more is being made") {
  const test::TemporaryDirectory home;
  auto args = std::views::iota(0, 300'000) | std::views::transform([](int i) { return i; });
  const auto call = call_of(home.path() / "a.dat", args);
  Arguments arguments(call);
  std::uint64_t wrong = 0;
  std::jthread reader([&] {
    for (std::uint64_t read = 0; read < call.count;) {
      std::string out;
      if (arguments.made() == read) continue;
      const std::uint64_t count = arguments.append(read, arguments.made(), 1 << 16, out);
      for (detail::Reader in(out); !in.left().empty(); ++read)
        wrong += detail::decode<int>(call.take_argument(in)) == static_cast<int>(read) ? 0 : 1;
      wrong += count == 0 ? 1 : 0;
    }
  });
  while (arguments.make_more()) continue;
  reader.join();
  CHECK(wrong == 0);
}

/// Four mebibytes of them.
auto many_texts() {
  return std::views::iota(0, 64) |
         std::views::transform([](int i) { return std::string(65'536, static_cast<char>('a' + i % 26)); });
}

TEST_CASE("A disk without room for the arguments is told") {
  if (!test::may_as_root("a small disk for arguments")) return;
  const test::TemporaryDirectory home;
  const test::SmallDisk disk(home.path());
  auto args = many_texts();
  const auto call = call_of(home.path() / "a.dat", args);
  Arguments arguments(call);
  CHECK_THROWS_WITH(arguments.make(call.count), Contains("No space left on device"));
}

TEST_CASE("Where nothing may be written beside the archive, arguments are kept elsewhere") {
  if (!test::may_as_root("arguments beside what only root may write")) return;
  const test::TemporaryDirectory home;
  CHECK(test::as_nobody([&] {
          auto args = many_texts();
          const auto call = call_of(home.path() / "a.dat", args);
          Arguments arguments(call);
          arguments.make(call.count);
          if (arguments[63].back() != 'l')
            throw std::runtime_error("another argument: " + arguments[63].substr(65'000));
        }) == "");
}

}  // namespace
}  // namespace tasker::runtime
