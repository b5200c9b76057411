#include "mpi/shared.hpp"
#include "support/types.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

// What map takes and gives, through the public API. Run by ctest at 1, 2, 3 and 7 ranks; every rank runs
// every line.

using namespace tasker::test;
using tasker::Context;
using tasker::Tasker;

namespace {

struct Cell {
  int value = 0;
  Cell() = default;
  explicit Cell(int v) : value(v) {}
  Cell(Cell&&) = default;
  Cell& operator=(Cell&&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value;
  }
};

// Bytes that tell where they are: none may be missing, doubled or moved. A block of them comes again and
// again.
const std::string& block() {
  static const std::string bytes = [] {
    std::string all(1'000'003, '\0');
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>((i * 0x9e3779b97f4a7c15U) >> 56);
    return all;
  }();
  return bytes;
}

std::string numbered(std::size_t size) {
  std::string bytes;
  bytes.reserve(size);
  while (bytes.size() < size) bytes.append(block(), 0, size - bytes.size());
  return bytes;
}

bool is_numbered(std::string_view bytes, std::size_t size) {
  if (bytes.size() != size) return false;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), block().size())))
    if (!block().starts_with(bytes.substr(0, block().size()))) return false;
  return true;
}

}  // namespace

TEST_CASE("results come in the order of the arguments, on every rank") {
  const SharedDirectory directory;
  Tasker tasker;
  std::vector<double> xs(1000);
  for (std::size_t i = 0; i < xs.size(); ++i) xs[i] = static_cast<double>(i);
  const auto squares = tasker.map(
      directory / "squares.dat", [](double x) { return x * x; }, xs, quiet());
  REQUIRE(squares.size() == xs.size());
  for (std::size_t i = 0; i < xs.size(); ++i) REQUIRE(squares[i] == xs[i] * xs[i]);
  CHECK(squares.to_vector().back() == 999.0 * 999.0);
  CHECK(squares.at(7) == 49);
  CHECK(squares.find(8) == 64.0);
  CHECK(squares.argument<double>(5) == 5);
  CHECK_THROWS_AS(squares.argument<int>(5), tasker::MismatchError);
  CHECK_THROWS_AS(squares.at(1000), std::out_of_range);
  CHECK(std::accumulate(squares.begin(), squares.end(), 0.0) == 332833500.0);
}

namespace {

struct Site {
  double beta;
  int size;
};
struct Measured {
  Site site;
  std::vector<double> series;
};
struct Renamed {
  Site site;
  std::vector<double> values;
};

}  // namespace

TEST_CASE("a plain struct is an argument and a result, and another one as soon as a member changes") {
  const SharedDirectory directory;
  Tasker tasker;
  const auto map = [&]<class R>(std::type_identity<R>) {
    return tasker.map(
        directory / "rows.dat",
        [](const Site& site) {
          return R{site, std::vector(3, site.beta)};
        },
        std::vector<Site>{{0.5, 8}, {0.25, 16}}, quiet());
  };
  const auto results = map(std::type_identity<Measured>());
  CHECK(results[1].site.size == 16);
  CHECK(results[1].series == std::vector(3, 0.25));
  CHECK(results.argument<Site>(0).size == 8);
  CHECK_THROWS_WITH(map(std::type_identity<Renamed>()),
                    Catch::Contains("rows.dat holds results of type (site=(beta=f64,size=i32),series=[f64]), "
                                    "this program has (site=(beta=f64,size=i32),values=[f64])"));
}

TEST_CASE("lazy views are fine, and only rank 0's elements are made, each once, also when a run goes on") {
  const SharedDirectory directory;
  Tasker tasker;
  int read = 0;
  const auto view = std::views::iota(0, tasker.is_root() ? 100 : 0) | std::views::transform([&](int i) {
                      ++read;
                      return i + 1;
                    });
  const auto map = [&](bool fails) {
    read = 0;
    return tasker.map(
        directory / "lazy.dat",
        [fails](int i) { return fails && i % 3 == 0 ? throw std::runtime_error("no") : 2 * i; }, view,
        quiet());
  };
  CHECK_THROWS_AS(map(true), tasker::TasksFailed);
  CHECK(read == (tasker.is_root() ? 100 : 0));
  for (int run = 0; run < 2; ++run) {  // one that computes what is missing, and one that finds all
    const auto results = map(false);
    CHECK(results.size() == 100);
    CHECK(results[99] == 200);
    CHECK(read == (tasker.is_root() ? 100 : 0));
  }
}

TEST_CASE("rank 0 computes, too, where it shall") {
  const SharedDirectory directory;
  Tasker tasker;
  auto options = quiet();
  options.root_computes = true;
  const bool made = GENERATE(true, false);
  const int ranks = tasker.size();
  const int mine = tasker.rank();
  // No task ends before one is under way on every rank.
  const auto fn = [&](int) {
    std::ofstream(directory / ("entered." + std::to_string(mine))) << mine;
    const auto all_entered = [&] {
      for (int rank = 0; rank < ranks; ++rank)
        if (!std::filesystem::exists(directory / ("entered." + std::to_string(rank)))) return false;
      return true;
    };
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!all_entered() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return all_entered();
  };
  const auto indices = std::views::iota(0, 3 * ranks);
  const auto results = made ? tasker.map(directory / "all.dat", fn,
                                         indices | std::views::transform([](int i) { return i; }), options)
                            : tasker.map(directory / "all.dat", fn, indices, options);
  std::set<int> computed;
  for (std::uint64_t i = 0; i < results.size(); ++i) {
    CHECK(results[i]);
    computed.insert(results.info(i)->rank);
  }
  CHECK(static_cast<int>(computed.size()) == ranks);
  CHECK(computed.contains(0));
}

TEST_CASE("arguments are passed in every form that fn takes") {
  const SharedDirectory directory;
  Tasker tasker;
  const std::vector<int> ints{1, 2, 3};
  const std::vector<std::tuple<int, std::string>> tuples{{1, "a"}, {2, "b"}};
  const std::vector<std::pair<int, int>> pairs{{1, 2}, {3, 4}};
  const std::vector<std::string_view> views{"one", "three"};
  const int captured = 10;
  const auto as = [&](const char* name) { return directory / name; };
  CHECK(tasker.map(
            as("1"), [=](int i) { return i + captured; }, ints, quiet())[2] == 13);
  CHECK(tasker.map(
            as("2"), [](const std::tuple<int, std::string>& t) { return std::get<1>(t); }, tuples,
            quiet())[1] == "b");
  CHECK(tasker.map(
            as("3"), [](int i, const std::string& s) { return s + std::to_string(i); }, tuples, quiet())[1] ==
        "b2");
  CHECK(tasker.map(
            as("4"), [](int a, int b) { return a * b; }, pairs, quiet())[1] == 12);
  CHECK(tasker.map(
            as("5"), [](int i, Context& c) { return i * 100 + static_cast<int>(c.index()); }, ints,
            quiet())[2] == 302);
  CHECK(tasker.map(
            as("6"), [](int a, int b, Context& c) { return a + b + static_cast<int>(c.task_count()); }, pairs,
            quiet())[0] == 5);
  CHECK(tasker.map(
            as("7"), [](std::string s) { return s.size(); }, views, quiet())[1] == 5);
  CHECK(tasker.map(
            as("8"), [](int& i) { return ++i; }, ints, quiet())[0] == 2);
  CHECK(tasker.map(
            as("9"), [](Context& c) { return c.attempt(); }, std::vector<std::tuple<>>(2), quiet())[1] == 1);
}

TEST_CASE("a mutable callable is used by each rank on its own copy") {
  const SharedDirectory directory;
  Tasker tasker;
  const std::vector<int> ints(50, 1);
  const auto counts = tasker.map(
      directory / "counts.dat", [calls = 0](int) mutable { return ++calls; }, ints, quiet());
  int most = 0;
  for (int count : counts) most = std::max(most, count);
  CHECK(most >= 50 / tasker.worker_count());
}

TEST_CASE("arguments and results may be structs, maps, polymorphic and move-only") {
  const SharedDirectory directory;
  Tasker tasker;
  const std::vector<types::Model> models{{1.5, 1, {"x"}, {}}, {2.5, 2, {}, 3}};
  const auto doubled = tasker.map(
      directory / "models.dat",
      [](types::Model m) {
        m.temperature *= 2;
        return m;
      },
      models, quiet());
  CHECK(doubled[1] == types::Model{5, 2, {}, 3});
  CHECK(doubled.argument<types::Model>(0) == models[0]);

  const std::vector<int> sizes{1, 2, 3};
  const auto shapes = tasker.map(
      directory / "shapes.dat",
      [](int i) -> std::unique_ptr<types::Shape> { return std::make_unique<types::Square>(i); }, sizes,
      quiet());
  CHECK(shapes[2]->area() == 9);

  const auto cells = tasker.map(
      directory / "cells.dat", [](int i) { return Cell(i); }, sizes, quiet());
  CHECK(cells[2].value == 3);

  const auto maps = tasker.map(
      directory / "maps.dat",
      [](int i) {
        return std::map<std::string, int>{{"i", i}};
      },
      sizes, quiet());
  CHECK(maps[1].at("i") == 2);
}

TEST_CASE("tasks may return nothing, or nothing much") {
  const SharedDirectory directory;
  Tasker tasker;
  const CallLedger ledger(directory / "ledger");
  const std::vector<int> ints{1, 2, 3};
  const auto nothing = tasker.map(
      directory / "void.dat", [&](int) { ledger.note(); }, ints, quiet());
  static_assert(std::same_as<decltype(nothing), const tasker::Results<void>>);
  CHECK(nothing.size() == 3);
  CHECK(nothing.has(2));
  CHECK(ledger.calls() == 3);
  CHECK(tasker
            .map(
                directory / "empty.dat", [](int) { return std::string(); }, ints, quiet())[2]
            .empty());
  CHECK(tasker
            .map(
                directory / "none.dat", [](int) { return std::vector<double>(); }, ints, quiet())[2]
            .empty());
}

TEST_CASE("no task, one task, and fewer tasks than ranks are fine") {
  const SharedDirectory directory;
  Tasker tasker;
  for (int n : {0, 1, 2}) {
    const std::vector<int> ints(static_cast<std::size_t>(n), 4);
    const auto results = tasker.map(
        directory / (std::to_string(n) + ".dat"), [](int i) { return i + 1; }, ints, quiet());
    CHECK(results.size() == static_cast<std::uint64_t>(n));
    for (int result : results) CHECK(result == 5);
  }
}

TEST_CASE("large results arrive whole") {
  const SharedDirectory directory;
  Tasker tasker;
  auto options = quiet();
  // Through a pipe, too.
  options.isolation = GENERATE(tasker::Isolation::none, tasker::Isolation::process);
  const char* const by_hand = std::getenv("TASKER_LARGE");
  const std::size_t largest = by_hand ? std::stoull(by_hand) : 20 << 20;
  std::vector<std::size_t> sizes{0, 1, largest - 1, largest, largest + 1};
  // Around what fits into one piece: of a pipe or a page of checksums, of a frame, of a message.
  for (const std::size_t limit : {std::size_t{1} << 16, std::size_t{1} << 18, std::size_t{1} << 24})
    for (const std::size_t overhead : {0U, 8U, 16U, 64U})
      for (const std::size_t size : {limit - overhead - 1, limit - overhead, limit - overhead + 1})
        if (limit < 1 << 24 || overhead == 8) sizes.push_back(size);
  const auto results = tasker.map(directory / "large.dat", numbered, sizes, options);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    INFO(sizes[i] << " bytes");
    CHECK(is_numbered(results[i], sizes[i]));
  }
}

TEST_CASE("large arguments arrive whole") {
  const SharedDirectory directory;
  Tasker tasker;
  const auto big =
      std::views::iota(0, 10) | std::views::transform([](int i) { return std::vector<int>(1 << 20, i); });
  const auto sums = tasker.map(
      directory / "sums.dat",
      [](const std::vector<int>& v) { return std::accumulate(v.begin(), v.end(), 0L); }, big, quiet());
  for (long i = 0; i < 10; ++i) CHECK(sums[static_cast<std::uint64_t>(i)] == i << 20);
}

TEST_CASE("one map's results are the next one's arguments") {
  const SharedDirectory directory;
  Tasker tasker;
  const std::vector<int> ints{1, 2, 3, 4};
  const auto first = tasker.map(
      directory / "first.dat", [](int i) { return i * 10; }, ints, quiet());
  const auto second = tasker.map(
      directory / "second.dat", [](int i) { return i + 1; }, first, quiet());
  CHECK(second[3] == 41);
}

TEST_CASE("a Tasker works on a sub-communicator, of MPI's or of Boost.MPI's") {
  const SharedDirectory directory;
  const boost::mpi::communicator world;
  const int rank = world.rank();
  const boost::mpi::communicator half = world.split(rank % 2);
  const auto use = [&](Tasker tasker, const std::string& name) {
    const std::vector<int> ints{1, 2, 3};
    CHECK(tasker.map(
              directory / (name + std::to_string(rank % 2) + ".dat"), [](int i) { return i * 7; }, ints,
              quiet())[2] == 21);
    CHECK(tasker.size() == half.size());
    CHECK(tasker.node_count() == 1);
  };
  use(Tasker{half}, "boost");
  use(Tasker{tasker::Communicator{MPI_Comm(half)}}, "mpi");
}
