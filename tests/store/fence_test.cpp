#include "store/fence.hpp"

#include "store/hold.hpp"
#include "store/paths.hpp"
#include "support/root.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::TemporaryDirectory;

TEST_CASE("Who removes a file does not take a directory for one, which would stay in the fence") {
  const TemporaryDirectory home;
  const Fence fence(home.path(), "run");
  fs::create_directory(home.path() / "list.bin");
  CHECK_THROWS_WITH(fence.remove(home.path() / "list.bin"),
                    Contains("cannot remove " + home.path().string()));
  CHECK_NOTHROW(fence.remove(home.path() / "missing"));
}

TEST_CASE("A directory that is gone, or not for us, is an error that says so", "[root]") {
  const TemporaryDirectory home;
  CHECK_THROWS_WITH(Hold(home.path() / "missing", {"run", ""}), Contains("create the directory first"));
  if (!test::may_as_root("a hold in a directory without permission")) return;
  fs::permissions(home.path(), fs::perms(0755));
  CHECK_THAT(test::as_nobody([&] {
               const Hold hold(home.path(), {"run", ""});
             }),
             Contains("choose a place that you may write to"));
  // Where only owners may remove their files, waiting for it would never end.
  fs::permissions(home.path(), fs::perms(01777));
  fs::create_directory(fence_path(home.path(), "far"));
  CHECK_THAT(test::as_nobody([&] {
               const Hold hold(home.path(), {"run", ""});
             }),
             Contains("cannot remove " + fence_path(home.path(), "far").string()));
}

}  // namespace
}  // namespace tasker::store
