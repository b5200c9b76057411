#include "mpi/shared.hpp"

#include <catch2/catch.hpp>

// What a map leaves behind, and what the next one makes of it.

using namespace tasker::test;
using tasker::Tasker;
namespace fs = std::filesystem;
using tasker::Options;

TEST_CASE("a finished archive is returned without calling fn") {
  const SharedDirectory directory;
  Tasker tasker;
  const CallLedger ledger(directory / "ledger");
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
  CHECK_THROWS_AS(tasker::load<int>(directory / "nothing.dat"), tasker::UsageError);
}
