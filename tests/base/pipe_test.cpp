#include "base/pipe.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <thread>

namespace tasker::base {
namespace {

TEST_CASE("Messages arrive whole and in order, empty and large ones too") {
  auto [here, there] = Pipe::make();
  const std::string large(5'000'000, 'x');
  int sent = 0;  // Catch's assertions are for one thread at a time
  std::thread sender([&pipe = there, &large, &sent] {
    for (int i = 0; i < 1000; ++i) sent += pipe.send({std::to_string(i), "", " and more"}) ? 1 : 0;
    sent += pipe.send({}) ? 1 : 0;
    sent += pipe.send({"a", large, "z"}) ? 1 : 0;
  });
  for (int i = 0; i < 1000; ++i) CHECK(here.receive() == std::to_string(i) + " and more");
  CHECK(here.receive() == "");
  CHECK(here.receive() == "a" + large + "z");
  sender.join();
  CHECK(sent == 1002);
}

TEST_CASE("Polling gives what is complete, and never waits") {
  auto [here, there] = Pipe::make();
  CHECK_FALSE(here.poll());
  CHECK(there.send({"one"}));
  CHECK(there.send({"two"}));
  CHECK(here.poll() == "one");
  CHECK(here.poll() == "two");
  CHECK_FALSE(here.poll());
  // A message of five bytes, of which three are here.
  CHECK(::send(there.fd(), "\5\0\0\0\0\0\0\0\xfa\xff\xff\xff\xff\xff\xff\xff", 16, 0) == 16);
  CHECK_FALSE(here.poll());
  CHECK(::send(there.fd(), "abc", 3, 0) == 3);
  CHECK_FALSE(here.poll());
  CHECK(::send(there.fd(), "de", 2, 0) == 2);
  CHECK(here.poll() == "abcde");
}

TEST_CASE("The end of the other side is known, and what it said before is not lost") {
  auto [here, there] = Pipe::make();
  CHECK(there.send({"last"}));
  there.close();
  pollfd end{here.fd(), POLLIN, 0};
  CHECK(::poll(&end, 1, 0) == 1);
  CHECK(here.receive() == "last");
  CHECK_FALSE(here.receive());
  CHECK_FALSE(here.poll());
  CHECK_FALSE(here.send({"nobody hears"}));
}

TEST_CASE("What is no message is an error, and a message that does not come takes no memory") {
  auto [here, there] = Pipe::make();
  CHECK(::send(there.fd(), "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0 rest", 21, 0) == 21);
  CHECK_FALSE(here.poll());
  CHECK(::send(there.fd(), "more", 4, 0) == 4);
  CHECK_FALSE(here.poll());
  auto [mine, yours] = Pipe::make();
  CHECK(::send(yours.fd(), "printed by accident", 19, 0) == 19);
  CHECK_THROWS_AS(mine.poll(), DamagedError);
}

}  // namespace
}  // namespace tasker::base
