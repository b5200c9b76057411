#include "store/paths.hpp"

#include "store/fence.hpp"
#include "support/root.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDirectory;
using test::write_file;

TEST_CASE("A journal's name is read as it was written, and no other name is") {
  for (const JournalName& name :
       {JournalName{0, 0, 0}, JournalName{3, 0x8f3a1c9be02d7745, 2},
        JournalName{UINT32_MAX, UINT64_MAX, INT32_MAX}, JournalName{7, 1, JournalName::fold}})
    CHECK(JournalName::parse(name.to_string()) == name);
  CHECK(JournalName{3, 0x8f3a1c9be02d7745, 2}.to_string() == "000003-8f3a1c9be02d7745-2.journal");
  CHECK(JournalName{3, 0x8f3a1c9be02d7745, JournalName::fold}.to_string() ==
        "000003-8f3a1c9be02d7745-fold.journal");
  for (const char* name :
       {"", ".journal", "-.journal", "--.journal", "3-8f3a1c9be02d7745-2.journal",
        "000003-8F3A1C9BE02D7745-2.journal", "000003-8f3a1c9be02d774-2.journal",
        "000003-8f3a1c9be02d7745--1.journal", "000003-8f3a1c9be02d7745-02.journal",
        "000003-8f3a1c9be02d7745-2.journal.0123456789abcdef", "000003-8f3a1c9be02d7745-.journal",
        "../003-8f3a1c9be02d7745-2.journal", "9999999999-8f3a1c9be02d7745-2.journal"})
    CHECK_FALSE(JournalName::parse(name));
}

TEST_CASE("A directory's name tells the archive that it becomes") {
  CHECK(file_of(directory_of("a/b.dat")) == "a/b.dat");
  CHECK(file_of("a/b.dat.mpi/") == "a/b.dat");
  for (const char* name : {"", ".", "a/b.dat", "a/.mpi", "mpi"}) CHECK(file_of(name).empty());
}

TEST_CASE("Journals are listed in the order of their runs") {
  const TemporaryDirectory home;
  const JournalName late{1'000'000, 1, 0};
  const JournalName middle{10, 5, 3};
  const JournalName early{9, 7, 12};
  for (const JournalName& name : {middle, late, early}) write_file(home.path() / name.to_string(), "");
  write_file(home.path() / "notes.txt", "");
  CHECK(list_journals(home.path()) == std::vector<JournalName>{early, middle, late});
  CHECK(list_journals(home.path() / "missing").empty());
}

TEST_CASE("Only what this library leaves half-made is removed") {
  const TemporaryDirectory home;
  const JournalName name{1, 2, JournalName::fold};
  const StateName state{7, {1, 2}};
  const fs::path fence = temporary_path(fence_path(home.path(), "run"));
  const std::vector<fs::path> leftovers = {temporary_path(home.path() / state.to_string()), fence};
  fs::create_directory(fence);
  for (const fs::path& path : leftovers) write_file(path == fence ? holder_path(fence) : path, "x");
  CHECK(holds_nothing(home.path()));
  const std::vector<fs::path> others = {home.path() / "thesis.0123456789abcdef", home.path() / "data",
                                        home.path() / name.to_string(), home.path() / state.to_string(),
                                        manifest_path(home.path())};
  for (const fs::path& path : others) {
    write_file(path, "x");
    CHECK_FALSE(holds_nothing(home.path()));
  }
  Fence(home.path(), "test").remove_leftovers(home.path());
  for (const fs::path& path : leftovers) CHECK_FALSE(fs::exists(path));
  for (const fs::path& path : others) CHECK(fs::exists(path));
}

TEST_CASE("Fences and ghosts are listed by their runs") {
  const TemporaryDirectory home;
  fs::create_directory(fence_path(home.path(), "8f3a"));
  fs::create_directory(temporary_path(fence_path(home.path(), "8f3b")));
  write_file(ghosts_path(home.path(), "8f3c"), "x");
  CHECK(holds_nothing(home.path()));
  CHECK(list_fences(home.path()) == std::vector<std::string>{"8f3a"});
  CHECK(list_ghosts(home.path()) == std::vector<std::string>{"8f3c"});
  CHECK(list_fences(home.path() / "missing").empty());
}

TEST_CASE("A directory that can't be read is never taken for an empty one", "[root]") {
  if (!test::may_as_root("a directory that can't be read")) return;
  const TemporaryDirectory home;
  write_file(home.path() / JournalName{1, 2, 3}.to_string(), "");
  fs::permissions(home.path(), fs::perms(0711));
  const auto message = Catch::Contains("cannot read " + home.path().string());
  CHECK_THAT(test::as_nobody([&] { (void)list_journals(home.path()); }), message);
  CHECK_THAT(test::as_nobody([&] { (void)holds_nothing(home.path()); }), message);
}

}  // namespace
}  // namespace tasker::store
