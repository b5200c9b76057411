#include "support/store_fixture.hpp"

#include <tasker/inputs.hpp>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

namespace fs = std::filesystem;
using Catch::Contains;
using tasker::digest;
using tasker::file;
using tasker::test::read_file;
using tasker::test::TemporaryDirectory;
using tasker::test::write_file;

TEST_CASE("a digest tells values, types, order and contents of files apart") {
  CHECK(digest(1, 2) == digest(1, 2));
  CHECK(digest(1, 2) != digest(2, 1));
  CHECK(digest(1) != digest(1L));
  CHECK(digest(std::string("1")) != digest(1));
  const char key[] = {'\0', '1', '2', '3'};
  const char other_key[] = {'\0', '9', '9', '9'};
  CHECK(digest(key) != digest(other_key));
  CHECK(digest(std::string("a"), std::string("bc")) != digest(std::string("ab"), std::string("c")));
  CHECK_THROWS_AS(digest(tasker::file("/there/is/no/such/file")), tasker::SystemError);
}

TEST_CASE("a link stands for the content of its target, and a loop of links is told as one") {
  const TemporaryDirectory home;
  write_file(home.path() / "data", "points");
  fs::create_symlink("data", home.path() / "link");
  fs::create_symlink("link", home.path() / "further");
  CHECK(digest(file(home.path() / "further")) == digest(file(home.path() / "data")));
  fs::create_symlink("loop", home.path() / "loop");
  CHECK_THROWS_WITH(digest(file(home.path() / "loop")),
                    Contains("loop: Too many levels of symbolic links") && !Contains("not followed"));
}

TEST_CASE("what does not know its size is read to its end") {
  const TemporaryDirectory home;
  const fs::path fifo = home.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  write_file(home.path() / "data", "points");

  std::thread writer([&] { std::ofstream(fifo) << "points"; });
  const auto of_fifo = digest(file(fifo));
  const int released = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);  // should nobody have read
  writer.join();
  ::close(released);
  CHECK(of_fifo == digest(file(home.path() / "data")));

  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  REQUIRE(::write(ends[1], "points", 6) == 6);
  ::close(ends[1]);
  CHECK(digest(file("/dev/fd/" + std::to_string(ends[0]))) == digest(file(home.path() / "data")));
  ::close(ends[0]);

  write_file(home.path() / "version", read_file("/proc/version"));
  CHECK(digest(file("/proc/version")) == digest(file(home.path() / "version")));
}

TEST_CASE("a directory is no file") {
  CHECK_THROWS_WITH(digest(file(".")), "cannot read .: Is a directory; a file is wanted there");
}
