#include "base/file.hpp"

#include "base/mapping.hpp"
#include "base/names.hpp"
#include "base/umask.hpp"
#include "support/root.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace tasker::base {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::read_file;
using test::TemporaryDirectory;

TEST_CASE("A file is created for its owner only, and never over another one") {
  const TemporaryDirectory home;
  const fs::path path = home.path() / "new";
  File file = File::create_new(path);
  file.write({"ab", "", "c"});
  file.write_at(1, "X");
  file.sync();
  CHECK(file.size() == 3);
  file.close();
  CHECK(read_file(path) == "aXc");
  CHECK((fs::status(path).permissions() & fs::perms::mask) == fs::perms(0600));
  CHECK_THROWS_WITH(File::create_new(path), Contains(path.string()) && Contains("File exists"));
}

TEST_CASE("Whoever may use a directory may use a new file in it, as far as the umask allows") {
  const TemporaryDirectory home;
  const mode_t before = ::umask(027);
  for (const auto& [of_directory, of_file] : {std::pair(0770U, 0640U), {0711U, 0600U}, {0777U, 0640U}}) {
    fs::permissions(home.path(), fs::perms(of_directory));
    (void)File::create_new(home.path() / "new");
    CHECK((fs::status(home.path() / "new").permissions() & fs::perms::mask) == fs::perms(of_file));
    remove_file(home.path() / "new");
  }
  ::umask(before);
}

TEST_CASE("A directory is created once") {
  const TemporaryDirectory home;
  CHECK(create_directory(home.path() / "new", 0700));
  CHECK((fs::status(home.path() / "new").permissions() & fs::perms::mask) == fs::perms(0700));
  CHECK_FALSE(create_directory(home.path() / "new", 0700));
  CHECK_THROWS_WITH(create_directory(home.path() / "no" / "new", 0700),
                    Contains("create the directory first"));
}

TEST_CASE("No link is followed in a path's last component") {
  const TemporaryDirectory home;
  test::write_file(home.path() / "target", "x");
  fs::create_symlink("target", home.path() / "link");
  fs::create_symlink("nowhere", home.path() / "dangling");
  CHECK_THROWS_WITH(File::open_read(home.path() / "link"), Contains("symbolic link"));
  CHECK_THROWS_WITH(read_small_file(home.path() / "link"), Contains("symbolic link"));
  CHECK_THROWS_WITH(read_small_file(home.path() / "dangling"), Contains("symbolic link"));
  CHECK_THROWS_AS(refuse_link(home.path() / "link"), UsageError);
  CHECK_THROWS_WITH(refuse_link(home.path() / "dangling"), Contains("symbolic link to nowhere"));
  CHECK_NOTHROW(refuse_link(home.path() / "target"));
  CHECK_NOTHROW(refuse_link(home.path() / "no" / "file"));
  CHECK_THROWS_AS(File::create_new(home.path() / "dangling"), SystemError);
  CHECK_THROWS_WITH(read_small_file(home.path() / "dangling"), Contains("symbolic link"));
  CHECK_FALSE(fs::exists(home.path() / "nowhere"));
  CHECK(file_exists(home.path() / "dangling"));
}

TEST_CASE("A FIFO in the place of a file keeps nobody waiting") {
  const TemporaryDirectory home;
  const fs::path fifo = home.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const pid_t reader = ::fork();
  if (reader == 0) {
    ::alarm(60);
    ::_exit(read_small_file(fifo) == "" && Mapping(fifo).bytes().empty() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(reader, &status, 0) == reader);
  CHECK(status == 0);
}

TEST_CASE("An error names the file, the cause and what to do") {
  const TemporaryDirectory home;
  const fs::path path = home.path() / "no" / "file";
  CHECK_THROWS_WITH(File::create_new(path), Contains("cannot create " + path.string()) &&
                                                Contains("No such file") &&
                                                Contains("create the directory first"));
  CHECK_THROWS_WITH(File::open_read(path), Contains("check the path") && !Contains("create the directory"));
  try {
    File::open_read(path);
    FAIL("opened");
  } catch (const SystemError& error) {
    CHECK(error.exit_code() == exit_system);
  }
}

TEST_CASE("What is not there exists not, is removed already and reads as nothing") {
  const TemporaryDirectory home;
  const fs::path path = home.path() / "file";
  CHECK_FALSE(file_exists(path));
  CHECK_NOTHROW(remove_file(path));
  CHECK(read_small_file(path) == std::nullopt);
  test::write_file(path, "");
  CHECK(file_exists(path));
  CHECK_FALSE(file_exists(path / "below a file"));
  CHECK(read_small_file(path) == "");
  remove_file(path);
  CHECK_FALSE(file_exists(path));
  CHECK_THROWS_AS(rename_file(path, home.path() / "other"), SystemError);
}

TEST_CASE("A small file that is larger than it may be is refused") {
  const TemporaryDirectory home;
  test::write_file(home.path() / "file", std::string(5000, 'x'));
  CHECK(read_small_file(home.path() / "file", 5000)->size() == 5000);
  CHECK_THROWS_WITH(read_small_file(home.path() / "file", 4999), Contains("larger"));
}

TEST_CASE("A file is replaced in one step, and nothing else is left") {
  const TemporaryDirectory home;
  const fs::path path = home.path() / "file";
  atomic_replace(path, "first");
  atomic_replace(path, "second", false);
  CHECK(read_file(path) == "second");
  CHECK(test::everything_in(home.path()).size() == 1);
  fs::create_directory(home.path() / "directory");
  CHECK_THROWS_AS(atomic_replace(home.path() / "directory", "x"), SystemError);
  CHECK(test::everything_in(home.path()).size() == 2);
}

TEST_CASE("A file that is opened to all has the mode that the umask allows") {
  const TemporaryDirectory home;
  test::write_file(home.path() / "file", "x");
  const mode_t before = ::umask(027);
  File::open_read(home.path() / "file").open_to_all();
  CHECK(::umask(before) == 027);
  CHECK(mode_of(home.path() / "file") == 0640);
  set_mode(home.path() / "file", 0604);
  CHECK(mode_of(home.path() / "file") == 0604);
}

TEST_CASE("A file gets a name that nothing has, and an empty directory is removed") {
  const TemporaryDirectory home;
  test::write_file(home.path() / "file", "x");
  test::write_file(home.path() / "taken", "y");
  CHECK_FALSE(rename_new(home.path() / "file", home.path() / "taken"));
  CHECK(test::read_file(home.path() / "taken") == "y");
  CHECK(rename_new(home.path() / "file", home.path() / "new"));
  CHECK(test::read_file(home.path() / "new") == "x");
  CHECK_FALSE(fs::exists(home.path() / "file"));
  CHECK_THROWS_AS(rename_new(home.path() / "missing", home.path() / "file"), SystemError);
  fs::create_directory(home.path() / "directory");
  CHECK_FALSE(remove_directory(home.path()));
  CHECK(remove_directory(home.path() / "directory"));
  CHECK(remove_directory(home.path() / "directory"));
  CHECK_THROWS_AS(remove_directory(home.path() / "taken"), SystemError);
}

TEST_CASE("As long as the umask is kept, files are created and opened to all as it was") {
  const TemporaryDirectory home;
  fs::permissions(home.path(), fs::perms(0755));
  const mode_t before = ::umask(027);
  for (const mode_t changed : {0777U, 0U, 027U}) {
    {
      const Umask kept;
      ::umask(changed);
      File::create_new(home.path() / "new").write({"x"});
      CHECK((fs::status(home.path() / "new").permissions() & fs::perms::mask) == fs::perms(0640));
      set_mode(home.path() / "new", 0600);
      File::open_read(home.path() / "new").open_to_all();
      CHECK(mode_of(home.path() / "new") == 0640);
      fs::remove(home.path() / "new");
      CHECK(::umask(changed) == changed);
    }
    CHECK(::umask(027) == 027);
  }
  ::umask(before);
}

bool sleeps(pid_t thread) {
  const std::string stat = *read_small_file("/proc/self/task/" + std::to_string(thread) + "/stat");
  return stat.substr(stat.rfind(')')).starts_with(") S");
}

/// A pipe takes a part of what is written: short writes, and interrupted ones, are the rule here.
TEST_CASE("Short and interrupted writes lose nothing") {
  const TemporaryDirectory home;
  const fs::path path = home.path() / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  struct sigaction action {};
  struct sigaction before {};
  static std::atomic<int> interrupts;
  interrupts = 0;
  action.sa_handler = [](int) { ++interrupts; };  // without SA_RESTART
  REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);

  std::string head(300'000, 'a');
  std::string tail(700'001, 'b');
  std::string received;
  const pid_t writer = ::gettid();
  std::thread reader([&] {
    const int fd = ::open(path.c_str(), O_RDONLY);
    // The first interrupt finds a full pipe behind a part that was written, the next ones nothing written.
    for (int sent = 0; sent < 3; ++sent) {
      while (!sleeps(writer)) std::this_thread::yield();
      ::tgkill(::getpid(), writer, SIGUSR1);
      while (interrupts <= sent) std::this_thread::yield();
    }
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
      received.append(buffer, static_cast<std::size_t>(n));
    ::close(fd);
  });
  {
    File file(::open(path.c_str(), O_WRONLY | O_CLOEXEC), path);
    file.write({head, "", tail});
  }
  reader.join();
  ::sigaction(SIGUSR1, &before, nullptr);
  CHECK(received == head + tail);
}

TEST_CASE("A full disk is an error that says so, and keeps what was written before", "[root]") {
  if (!test::may_as_root("a full disk")) return;
  const TemporaryDirectory home;
  const test::SmallDisk disk(home.path());
  CHECK(free_space(home.path()) <= 1 << 20);
  const fs::path path = home.path() / "file";
  atomic_replace(path, "whole");
  File file = File::create_new(home.path() / "large");
  CHECK_THROWS_WITH(file.write({std::string(2 << 20, 'x')}),
                    Contains("No space left") && Contains("free some space"));
  CHECK_THROWS_AS(atomic_replace(path, std::string(1 << 20, 'y')), SystemError);
  CHECK(read_file(path) == "whole");
  CHECK(test::everything_in(home.path()).size() == 2);
}

TEST_CASE("A limit on the size of files is an error that says so, and does not end the process") {
  const TemporaryDirectory home;
  const pid_t child = ::fork();
  if (child == 0) {
    int refused = 0;
    File file = File::create_new(home.path() / "file");
    const rlimit limit{4096, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    for (const bool at_end : {true, false}) try {
        at_end ? file.write({std::string(5000, 'x')}) : file.write_at(4096, "x");
      } catch (const SystemError& error) {
        refused += std::string(error.what()).find("ulimit -f") != std::string::npos ? 1 : 0;
      }
    // What the program writes itself is the program's affair.
    if (refused == 2) (void)!::pwrite(file.fd(), "x", 1, 4096);
    ::_exit(1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ));
  CHECK(fs::file_size(home.path() / "file") == 4096);
}

TEST_CASE("Without permission there is an error that says what to do", "[root]") {
  if (!test::may_as_root("a directory without permission")) return;
  const TemporaryDirectory home;
  fs::permissions(home.path(), fs::perms(0755));
  test::write_file(home.path() / "file", "x");
  const fs::path path = home.path() / "file";
  const Catch::Matchers::StdString::ContainsMatcher advice =
      Contains("Permission denied; choose a place that you may write to");
  CHECK_THAT(test::as_nobody([&] { File::create_new(home.path() / "new"); }), advice);
  CHECK_THAT(test::as_nobody([&] { atomic_replace(path, "y"); }), advice);
  CHECK_THAT(test::as_nobody([&] { remove_file(path); }), advice);
  CHECK_THAT(test::as_nobody([&] { rename_file(path, home.path() / "new"); }), advice);
  CHECK_THAT(test::as_nobody([&] { (void)file_exists(path); }), Catch::Equals(""));
  fs::permissions(home.path(), fs::perms(0700));
  CHECK_THAT(test::as_nobody([&] { (void)file_exists(path); }), advice);
  CHECK(read_file(path) == "x");
}

}  // namespace
}  // namespace tasker::base
