#include "mpi/shared.hpp"

#include <catch2/catch.hpp>

// How a map fails: alike on every rank, and with nothing lost.

using namespace tasker::test;
using tasker::Context;
using tasker::Options;
using tasker::Tasker;

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
  const CallLedger ledger(directory / "ledger");
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

TEST_CASE("a rank that comes late to a map that has failed takes part in the next one") {
  const SharedDirectory directory;
  Tasker tasker;
  if (tasker.size() < 3) return;
  const std::vector<int> ints{1, 2, 3};
  const auto identity = [](int i) { return i; };
  const auto refused = [&](const char* name) {
    CHECK_THROWS_AS(tasker.map(directory / name, identity, ints, quiet()), tasker::UsageError);
  };
  // Rank 1 calls another map, so this one ends before the last rank has called it.
  const bool late = tasker.rank() == tasker.size() - 1;
  if (!late) refused(tasker.rank() == 1 ? "other.dat" : "r.dat");
  MPI_Barrier(MPI_COMM_WORLD);
  if (late) refused("r.dat");
  CHECK(tasker.map(directory / "next.dat", identity, ints, quiet())[2] == 3);
}
