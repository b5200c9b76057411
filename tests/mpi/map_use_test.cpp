#include "base/file.hpp"
#include "mpi/shared.hpp"

#include <catch2/catch.hpp>
#include <mpi.h>

#include <ranges>

// What programs do with map that it must stand, or refuse.

using Catch::Contains;
using namespace tasker::test;
using tasker::Tasker;

namespace {

class DryRuns {
 public:
  DryRuns() { ::setenv("TASKER_DRY_RUN", "1", 1); }
  ~DryRuns() { ::unsetenv("TASKER_DRY_RUN"); }
  DryRuns(const DryRuns&) = delete;
  DryRuns& operator=(const DryRuns&) = delete;
};

struct Disk {
  double radius = 1;
  double area() const { return 3 * radius * radius; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& radius;
  }
};

int same(int i) { return i; }
const std::vector<int> ints{1, 2, 3};

}  // namespace

TEST_CASE("fn may change the working directory: a relative path stays where it was") {
  const SharedDirectory directory;
  const tasker::base::WorkingDirectory kept;
  std::filesystem::current_path(directory / "");
  Tasker tasker;
  const auto leaving = [](int i) {
    std::filesystem::current_path("/");
    return i;
  };
  CHECK(tasker.map("r.dat", leaving, ints, quiet())[2] == 3);
  CHECK(std::filesystem::exists(directory / "r.dat"));
  CHECK_FALSE(std::filesystem::exists(directory / "r.dat.mpi"));
  CHECK(tasker.map("next.dat", leaving, ints, quiet())[2] == 3);
  CHECK(std::filesystem::exists(directory / "next.dat"));
}

TEST_CASE("a path that can't be a file's is a usage error, and nothing is made") {
  const SharedDirectory directory;
  Tasker tasker;
  const auto refused = [&](const std::filesystem::path& path, const std::string& why) {
    CHECK_THROWS_AS(tasker.map(path, same, ints, quiet()), tasker::UsageError);
    CHECK_THROWS_WITH(tasker.map(path, same, ints, quiet()), Contains(why));
  };
  refused("", "empty path");
  refused(directory / "new/", "names a directory");
  refused(directory / "", "names a directory");
  refused((directory / "").parent_path(), "names a directory");
  CHECK(std::filesystem::is_empty(directory / ""));
  CHECK(tasker.map(directory / "r.dat", same, ints, quiet())[1] == 2);
}

TEST_CASE("map inside fn is a usage error") {
  const SharedDirectory directory;
  Tasker tasker;
  const auto nested = [&](int i) { return tasker.map(directory / "inner.dat", same, ints, quiet())[0] + i; };
  try {
    tasker.map(directory / "r.dat", nested, ints, quiet());
    FAIL("it was not refused");
  } catch (const tasker::TasksFailed& error) {
    CHECK(error.failed() == ints.size());
    CHECK_THAT(error.first().at(0).message, Contains("tasker::UsageError: map was called inside fn"));
    CHECK_THAT(error.what(), !Contains("All other results are kept"));
  }
  CHECK(tasker.map(directory / "r.dat", same, ints, quiet())[1] == 2);
}

TEST_CASE("an argument that can't be made is told alike on every rank, with map and task") {
  const SharedDirectory directory;
  Tasker tasker;
  const auto made = [](int i) {
    if (i == 10) throw std::runtime_error("no such angle");
    return i;
  };
  const auto angles = std::views::iota(0, 20) | std::views::transform(made);
  CHECK_THROWS_AS(tasker.map(directory / "r.dat", same, angles, quiet()), tasker::Error);
  CHECK_THROWS_WITH(
      tasker.map(directory / "r.dat", same, angles, quiet()),
      (directory / "r.dat").string() + ": the argument of task 10 could not be made: no such angle");
}

TEST_CASE("members may be mapped, and text that belongs to somebody else is kept") {
  const SharedDirectory directory;
  Tasker tasker;
  const std::vector<Disk> disks{{1}, {2}};
  CHECK(tasker.map(directory / "areas.dat", &Disk::area, disks, quiet())[1] == 12);
  CHECK(tasker.map(directory / "radii.dat", &Disk::radius, disks, quiet())[1] == 2);

  const auto length = [](std::string_view name) { return name.size() > 1 ? "long" : "short"; };
  const std::vector<const char*> names{"a", "bc"};
  const auto lengths = tasker.map(directory / "names.dat", length, names, quiet());
  CHECK(lengths[1] == "long");
  CHECK(lengths.argument<std::string>(1) == "bc");
  CHECK_THROWS_WITH(
      tasker.map(directory / "null.dat", length, std::vector<const char*>{"a", nullptr}, quiet()),
      Contains("the argument of task 1 could not be made: a char* is null"));
}

TEST_CASE("a dry run goes on behind a map that is finished, and ends at one that is not") {
  const SharedDirectory directory;
  Tasker tasker;
  tasker.map(directory / "done.dat", same, ints, quiet());
  MPI_Barrier(MPI_COMM_WORLD);
  const DryRuns dry;
  CHECK(tasker.map(directory / "done.dat", same, ints, quiet())[2] == 3);
  CHECK_THROWS_AS(tasker.map(directory / "new.dat", same, ints, quiet()), tasker::DryRun);
  CHECK_THROWS_WITH(tasker.map(directory / "new.dat", same, ints, quiet()),
                    (directory / "new.dat").string() + ": 3 tasks: 0 would be reused, 3 computed");
  CHECK_FALSE(std::filesystem::exists(directory / "new.dat.mpi"));
}

TEST_CASE("no communicator is a usage error") {
  CHECK_THROWS_AS(Tasker(tasker::Communicator{MPI_COMM_NULL}), tasker::UsageError);
}

TEST_CASE("fn may use MPI on communicators of its own") {
  const SharedDirectory directory;
  Tasker tasker;
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  REQUIRE(level == MPI_THREAD_MULTIPLE);
  const auto sums = tasker.map(
      directory / "own.dat",
      [](int i) {
        int sum = 0;
        for (int turn = 0; turn < 20; ++turn) {
          int mine = 0;
          MPI_Allreduce(&i, &mine, 1, MPI_INT, MPI_SUM, MPI_COMM_SELF);
          sum += mine;
        }
        return sum;
      },
      std::views::iota(0, 2000), quiet());
  for (int i = 0; i < 2000; ++i)
    if (sums[static_cast<std::uint64_t>(i)] != 20 * i) FAIL("result " << i);
}
