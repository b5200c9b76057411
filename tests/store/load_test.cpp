#include "store/merge.hpp"
#include "store/snapshot.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>
#include <tasker/results.hpp>

#include <catch2/catch.hpp>
#include <linux/fcntl.h>  // not libc's, which may define open itself
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdarg>
#include <functional>
#include <string>
#include <utility>

namespace {

/// What happens when a file has been opened the next time.
struct Interruption {
  std::string path;
  std::function<void()> act;
} interruption;

}  // namespace

/// In the place of the C library's.
extern "C" int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  if (interruption.act && path == interruption.path) std::exchange(interruption, {}).act();
  return fd;
}

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::encoded;
using test::Store;

/// Calls `read`; when that has opened `path`, which holds `content`, but read nothing of it, calls
/// `meanwhile`.
template <class Read>
auto interrupted_at(const fs::path& path, const std::string& content, const Read& read,
                    const std::function<void()>& meanwhile) {
  test::write_file(path, content);
  interruption = {path, meanwhile};
  auto result = read();
  REQUIRE_FALSE(interruption.act);
  return result;
}

TEST_CASE("A run that ends while its directory is read leaves all results, never none") {
  for (const bool whole_manifest : {true, false}) {
    for (const bool name_directory : {true, false}) {
      CAPTURE(whole_manifest, name_directory);
      Store store;
      store.journal(1, 0, 1, {{{0, encoded("a"), encoded("A")}}});
      write_manifest(store.fence(), test::manifest_for(1));
      const std::string manifest = test::read_file(manifest_path(store.directory()));
      const auto results = interrupted_at(
          manifest_path(store.directory()), whole_manifest ? manifest : "",
          [&] { return load<std::string>(name_directory ? store.directory() : store.file()); },
          [&] {
            const Description description = merge(*store.catalog(1), store.fence(), store.file(),
                                                  test::manifest_for(1), true, std::nullopt);
            REQUIRE(remove_merged(store.fence(), description.merged));
            remove_fence(store.fence().path());
            REQUIRE(fs::remove(store.fence().directory()));
          });
      REQUIRE(results.size() == 1);
      CHECK(results.find(0) == "A");
    }
  }
}

TEST_CASE("A directory that a finished run has begun to remove is read as its archive") {
  Store store;
  const JournalName name = store.journal(1, 0, 1, {{{0, encoded("a"), encoded("A")}}});
  write_manifest(store.fence(), test::manifest_for(1));
  store.merge(*store.catalog(1));
  fs::remove(store.path_of(name));
  CHECK(load<std::string>(store.directory())[0] == "A");
  fs::remove_all(store.directory());
  CHECK(load<std::string>(store.directory())[0] == "A");
}

TEST_CASE("A damaged archive does not stand before its directory") {
  Store store;
  store.journal(1, 0, 1, {{{0, encoded("a"), encoded("A")}}});
  store.merge(*store.catalog(1));
  test::shrink_to(store.file(), 200);
  CHECK_THROWS_AS(load<std::string>(store.file()), DamagedError);
  CHECK(load<std::string>(store.directory())[0] == "A");
}

TEST_CASE("Journals that are folded while they are read are found where they are now") {
  Store store;
  write_manifest(store.fence(), test::manifest_for(1));
  const std::string manifest = test::read_file(manifest_path(store.directory()));
  const JournalName later = store.journal(2, 0, 1, {{{0, encoded("a"), encoded("A")}}});
  const JournalName early{1, 1, 0};
  fs::rename(store.path_of(later), store.path_of(early));
  const auto snapshot = interrupted_at(
      manifest_path(store.directory()), manifest,
      [&] { return std::make_shared<const Snapshot>(store.directory()); },
      [&] {
        fs::rename(store.path_of(early), store.path_of(later));
        fs::remove(manifest_path(store.directory()));
        write_manifest(store.fence(), test::manifest_for(1));
      });
  CHECK(snapshot->result(0) == encoded("A"));
}

TEST_CASE("A directory that is removed while it is read is an error") {
  Store store;
  write_manifest(store.fence(), test::manifest_for(1));
  const std::string manifest = test::read_file(manifest_path(store.directory()));
  CHECK_THROWS_AS(
      interrupted_at(
          manifest_path(store.directory()), manifest, [&] { return load<std::string>(store.file()); },
          [&] { fs::remove_all(store.directory()); }),
      UsageError);
}

TEST_CASE("A link to an archive is read, a link to nothing is nothing") {
  Store store;
  store.journal(1, 0, 1, {{{0, encoded("a"), encoded("A")}}});
  store.merge(*store.catalog(1));
  const fs::path link = store.file().string() + ".link";
  fs::create_symlink("words", link);
  CHECK(load<std::string>(link)[0] == "A");
  fs::remove(link);
  fs::create_symlink("nowhere", link);
  CHECK_THROWS_AS(load<std::string>(link), UsageError);
  // A map would replace the link, so it says so at once.
  CHECK_THROWS_AS(Archive::open(link), UsageError);
  CHECK_THROWS_WITH(Archive::open(link), Contains(link.string()) && Contains("nowhere"));
}

TEST_CASE("Who only reads is not advised to choose another name") {
  const Store store;
  CHECK_THROWS_AS(load<int>(store.file().string() + "x"), UsageError);
  const fs::path letter = store.file().string() + ".txt";
  test::write_file(letter, "a letter");
  CHECK_THROWS_WITH(load<int>(letter), Contains("not a Tasker archive") && !Contains("choose"));
  test::write_file(store.directory() / "thesis.tex", "years of work");
  CHECK_THROWS_WITH(load<int>(store.directory()),
                    Contains("not a directory of Tasker") && !Contains("choose"));
}

}  // namespace
}  // namespace tasker::store
