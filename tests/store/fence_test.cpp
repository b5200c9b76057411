#include "store/fence.hpp"

#include "store/hold.hpp"
#include "store/paths.hpp"
#include "support/root.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <thread>

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

TEST_CASE("Who finds an unfinished file gone knows that the fence is being removed") {
  const TemporaryDirectory home;
  const Fence fence(home.path(), "run");
  for (const std::string name : {"archive", "list.bin"}) test::write_file(home.path() / name, "before");
  CHECK_THROWS_WITH(fence.publish("archive", home.path() / "archive"), Contains("was taken over"));
  CHECK_THROWS_AS(fence.publish_new("archive", home.path() / "new"), Interrupted);
  CHECK(fence.stands());
  CHECK(test::read_file(home.path() / "archive") == "before");
  // Where it is the other name that is impossible, that is the error.
  test::write_file(fence.unfinished("archive"), "after");
  CHECK_THROWS_WITH(fence.publish("archive", home.path() / "no" / "archive"),
                    Contains("no/archive: No such file"));
}

TEST_CASE("Who finds the next beat gone before it had its name knows that the fence is being removed") {
  const TemporaryDirectory home;
  const Fence fence(home.path(), "run", "first");
  const std::jthread remover([&](const std::stop_token& stop) {
    while (!stop.stop_requested())
      for (const auto& entry : fs::directory_iterator(fence.path()))
        if (entry.path() != holder_path(fence.path())) fs::remove(entry.path());
  });
  const auto beat_for_a_minute = [&] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < end) fence.replace_holder("next");
  };
  CHECK_THROWS_WITH(beat_for_a_minute(), Contains("was taken over"));
  CHECK(fence.stands());
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

/// How often the thread that beats has slept so far.
std::string sleeps_of_hold() {
  for (const auto& thread : fs::directory_iterator("/proc/self/task")) {
    if (test::read_file(thread.path() / "comm") != "tasker-hold\n") continue;
    const std::string status = test::read_file(thread.path() / "status");
    const std::string field = "\nvoluntary_ctxt_switches:";
    const auto begin = status.find(field) + field.size();
    return status.substr(begin, status.find('\n', begin) - begin);
  }
  throw Error("nobody beats any more");
}

TEST_CASE("A fence that can't be examined for a while is not one that has gone, and beats again afterwards",
          "[root]") {
  if (!test::may_as_root("a directory that is closed for a while")) return;
  const TemporaryDirectory home;
  fs::permissions(home.path(), fs::perms(0777));
  CHECK(test::as_nobody([&] {
          const fs::path directory = home.path() / "d";
          fs::create_directory(directory);
          const Hold hold(directory, {"run", ""}, {std::chrono::milliseconds(1), std::chrono::hours(1)});
          const auto changes = [](const auto& read) {
            const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
            for (const std::string first = read(); read() == first; std::this_thread::yield())
              if (std::chrono::steady_clock::now() > end) throw Error("it beats no more");
          };
          const auto beat = [&] { return test::read_file(holder_path(hold.fence().path())); };
          changes(beat);
          fs::permissions(directory, fs::perms(0));
          try {
            hold.fence().replace(directory / "words", "text");
            throw Error("it could be written to");
          } catch (const SystemError&) {
            // That is why.
          }
          for (int beats = 0; beats < 3; ++beats) changes(sleeps_of_hold);
          fs::permissions(directory, fs::perms(0700));
          if (hold.lost()) throw Error("it is lost");
          changes(beat);
        }) == "");
}

}  // namespace
}  // namespace tasker::store
