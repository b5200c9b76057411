#include "support/types.hpp"

#include <tasker/mpi.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <numeric>

// The contract of map through the public API. Run by ctest at 1, 2, 3 and 7 ranks; every rank runs every
// line.

namespace fs = std::filesystem;
using tasker::Context;
using tasker::Options;
using tasker::Tasker;

namespace {

/// A directory that all ranks know and rank 0 removes.
class SharedDirectory {
 public:
  SharedDirectory() {
    char name[] = "/tmp/tasker_map_test.XXXXXX";
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    if (rank_ == 0 && !::mkdtemp(name)) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Bcast(name, sizeof name, MPI_CHAR, 0, MPI_COMM_WORLD);
    path_ = name;
  }
  ~SharedDirectory() {
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank_ == 0) fs::remove_all(path_);
  }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  int rank_ = 0;
  fs::path path_;
};

Options quiet() {
  Options options;
  options.progress = tasker::Progress::off;
  return options;
}

/// Counts calls of `fn` over all ranks.
struct Ledger {
  explicit Ledger(const fs::path& file) : path(file) {}
  void note() const { std::ofstream(path, std::ios::app) << '\n' << std::flush; }
  std::uintmax_t calls() const {
    MPI_Barrier(MPI_COMM_WORLD);
    const auto size = fs::exists(path) ? fs::file_size(path) : 0;
    MPI_Barrier(MPI_COMM_WORLD);
    return size;
  }
  fs::path path;
};

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

TEST_CASE("lazy views are fine, and only rank 0's elements are read") {
  const SharedDirectory directory;
  Tasker tasker;
  std::atomic<int> read = 0;
  const auto view = std::views::iota(0, tasker.is_root() ? 100 : 0) | std::views::transform([&](int i) {
                      ++read;
                      return i + 1;
                    });
  const auto results = tasker.map(
      directory / "lazy.dat", [](int i) { return 2 * i; }, view, quiet());
  CHECK(results.size() == 100);
  CHECK(results[99] == 200);
  if (!tasker.is_root()) CHECK(read == 0);
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
  const Ledger ledger(directory / "ledger");
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
  const std::vector<std::size_t> sizes{0, 1, 65535, 65536, 65537, 1 << 20, 20 << 20};
  const auto results = tasker.map(
      directory / "large.dat", [](std::size_t n) { return std::string(n, static_cast<char>('a' + n % 26)); },
      sizes, quiet());
  for (std::size_t i = 0; i < sizes.size(); ++i)
    CHECK(results[i] == std::string(sizes[i], static_cast<char>('a' + sizes[i] % 26)));
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

TEST_CASE("a finished archive is returned without calling fn") {
  const SharedDirectory directory;
  Tasker tasker;
  const Ledger ledger(directory / "ledger");
  const auto fn = [&](int i) {
    ledger.note();
    return i;
  };
  const std::vector<int> ints{1, 2, 3, 4};
  tasker.map(directory / "r.dat", fn, ints, quiet());
  CHECK(ledger.calls() == 4);
  CHECK(tasker.map(directory / "r.dat", fn, ints, quiet())[3] == 4);
  CHECK(ledger.calls() == 4);
  CHECK_FALSE(fs::exists(directory / "r.dat.mpi"));

  const std::vector<int> changed{1, 2, 5, 4, 6};
  CHECK(tasker.map(directory / "r.dat", fn, changed, quiet())[4] == 6);
  CHECK(ledger.calls() == 6);
  Options other = quiet();
  other.version = "2";
  CHECK(tasker.map(directory / "r.dat", fn, changed, other)[4] == 6);
  CHECK(ledger.calls() == 11);
  CHECK(tasker.map(directory / "r.dat", fn, ints, quiet())[2] == 3);
  CHECK(ledger.calls() == 11);
}

TEST_CASE("another result type is refused on every rank, with both types named") {
  const SharedDirectory directory;
  Tasker tasker;
  const std::vector<int> ints{1, 2};
  tasker.map(
      directory / "r.dat", [](int i) { return i; }, ints, quiet());
  try {
    tasker.map(
        directory / "r.dat", [](int) { return std::string("s"); }, ints, quiet());
    FAIL("it was not refused");
  } catch (const tasker::MismatchError& error) {
    CHECK(std::string(error.what()).find("i32") != std::string::npos);
    CHECK(std::string(error.what()).find("str") != std::string::npos);
    CHECK(error.exit_code() == 2);
  }
  CHECK(tasker.map(
            directory / "r.dat", [](int) { return 0; }, ints, quiet())[1] == 2);
}

TEST_CASE("an exception costs its task, and is told alike on every rank") {
  const SharedDirectory directory;
  Tasker tasker;
  const Ledger ledger(directory / "ledger");
  const std::vector<int> ints{0, 1, 2, 3, 4, 5};
  const auto picky = [&](int i) {
    ledger.note();
    if (i == 3) throw std::runtime_error("three");
    if (i == 4) throw 4;
    return i;
  };
  try {
    tasker.map(directory / "r.dat", picky, ints, quiet());
    FAIL("nothing was thrown");
  } catch (const tasker::TasksFailed& error) {
    CHECK(error.failed() == 2);
    CHECK(error.total() == 6);
    REQUIRE(error.first().size() == 2);
    CHECK(error.first()[0].index == 3);
    CHECK(error.first()[0].message == "std::runtime_error: three");
    CHECK(error.first()[1].message == "an exception of type int");
  }
  CHECK(ledger.calls() == 6);
  const auto attempts = tasker.map(
      directory / "r.dat",
      [&](int i, Context& context) { return ledger.note(), i * 0 + static_cast<int>(context.attempt()); },
      ints, quiet());
  CHECK(ledger.calls() == 8);
  CHECK(attempts[3] == 2);
  CHECK(attempts.info(3)->attempts == 2);
  CHECK(attempts.info(0)->attempts == 1);
}

TEST_CASE("on_failure = keep leaves holes, which a rerun fills") {
  const SharedDirectory directory;
  Tasker tasker;
  Options keep = quiet();
  keep.on_failure = tasker::OnFailure::keep;
  const std::vector<int> ints{0, 1, 2};
  const auto holes = tasker.map(
      directory / "r.dat",
      [](int i) {
        if (i == 1) throw std::runtime_error("no");
        return i;
      },
      ints, keep);
  CHECK(holes.find(0) == 0);
  CHECK_FALSE(holes.find(1));
  CHECK_THROWS_AS(holes[1], tasker::MissingResult);
  const auto filled = tasker.map(
      directory / "r.dat", [](int i) { return i; }, ints, keep);
  CHECK(filled[1] == 1);
}

TEST_CASE("arguments need not be kept") {
  const SharedDirectory directory;
  Tasker tasker;
  Options lean = quiet();
  lean.keep_arguments = false;
  const std::vector<int> ints{0, 1, 2};
  const auto results = tasker.map(
      directory / "r.dat", [](int i) { return i; }, ints, lean);
  CHECK_THROWS_AS(results.argument<int>(1), tasker::MissingResult);
  CHECK(tasker.map(
            directory / "r.dat", [](int) { return -1; }, ints, lean)[2] == 2);
}

TEST_CASE("the directory can be kept, and loaded") {
  const SharedDirectory directory;
  Tasker tasker;
  Options keep = quiet();
  keep.keep_directory = true;
  keep.durability = tasker::Durability::power;
  const std::vector<int> ints{5, 6, 7};
  tasker.map(
      directory / "r.dat", [](int i) { return i; }, ints, keep);
  CHECK(tasker::load<int>(directory / "r.dat")[2] == 7);
  CHECK(tasker::load<int>(directory / "r.dat.mpi")[2] == 7);
  CHECK_THROWS_AS(tasker::load<double>(directory / "r.dat"), tasker::MismatchError);
  CHECK_THROWS_AS(tasker::load<int>(directory / "nothing.dat"), tasker::SystemError);
}

TEST_CASE("a Tasker works on a sub-communicator") {
  const SharedDirectory directory;
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm half = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
  {
    Tasker tasker{tasker::Communicator{half}};
    const std::vector<int> ints{1, 2, 3};
    const auto name = "half" + std::to_string(rank % 2) + ".dat";
    CHECK(tasker.map(
              directory / name, [](int i) { return i * 7; }, ints, quiet())[2] == 21);
    CHECK(tasker.size() <= (7 + 1) / 2);
    CHECK(tasker.node_count() == 1);
  }
  MPI_Comm_free(&half);
}
