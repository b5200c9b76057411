#include "base/pipe.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/socket.h>

#include <optional>
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

/// The next message, if all of it has arrived.
std::optional<std::string> next(Pipe& pipe) {
  while (pipe.fetch()) {
  }
  return pipe.take();
}

TEST_CASE("What is complete can be taken, and nobody waits for the rest") {
  auto [here, there] = Pipe::make();
  CHECK_FALSE(next(here));
  CHECK(there.send({"one"}));
  CHECK(there.send({"two"}));
  CHECK(next(here) == "one");
  CHECK(next(here) == "two");
  CHECK_FALSE(next(here));
  // A message of five bytes, of which three are here.
  CHECK(::send(there.fd(), "\5\0\0\0\0\0\0\0\xfa\xff\xff\xff\xff\xff\xff\xff", 16, 0) == 16);
  CHECK_FALSE(next(here));
  CHECK(::send(there.fd(), "abc", 3, 0) == 3);
  CHECK_FALSE(next(here));
  CHECK(::send(there.fd(), "de", 2, 0) == 2);
  CHECK(next(here) == "abcde");
}

TEST_CASE("Of much that has arrived only a piece is taken in at a time") {
  auto [here, there] = Pipe::make();
  const std::string message(150'000, 'x');
  CHECK(there.send({message}));
  CHECK(here.is_awaited());
  CHECK(here.fetch());
  CHECK_FALSE(here.take());
  CHECK(here.is_awaited());
  CHECK(next(here) == message);
  CHECK_FALSE(here.is_awaited());
}

TEST_CASE("A long message is in memory once, and what comes behind it is not lost") {
  auto [here, there] = Pipe::make();
  const std::string large(5'000'000, 'x');
  there.post("short");
  there.post("and ", large);
  there.post("last");
  CHECK(there.has_unsent());
  CHECK(next(here) == "short");
  std::optional<std::string> message;
  while (!message) {
    there.flush();
    message = next(here);
  }
  CHECK((*message == "and " + large));
  CHECK(message->capacity() < message->size() + (std::size_t{1} << 16));
  there.flush();
  CHECK(next(here) == "last");
}

TEST_CASE("What is posted is on its way as far as there is room, and the rest follows in order") {
  auto [here, there] = Pipe::make();
  const std::string large(5'000'000, 'x');
  there.post("first");
  CHECK_FALSE(there.has_unsent());
  there.post(large);
  there.post("");
  there.post("last");
  CHECK(there.has_unsent());
  CHECK_FALSE(there.is_awaited());
  CHECK(next(here) == "first");
  CHECK(there.is_awaited());
  while (there.has_unsent()) {
    CHECK_FALSE(next(here));
    there.flush();
  }
  CHECK((next(here) == large));
  CHECK(next(here) == "");
  CHECK(next(here) == "last");
}

TEST_CASE("What was not sent when the other side ended is forgotten") {
  auto [here, there] = Pipe::make();
  there.post(std::string(5'000'000, 'x'));
  here.close();
  there.flush();
  CHECK_FALSE(there.has_unsent());
  there.post("nobody hears");
  CHECK_FALSE(there.has_unsent());
}

TEST_CASE("The end of the other side is known, and what it said before is not lost") {
  auto [here, there] = Pipe::make();
  CHECK(there.send({"last"}));
  there.close();
  pollfd end{here.fd(), POLLIN, 0};
  CHECK(::poll(&end, 1, 0) == 1);
  CHECK(here.receive() == "last");
  CHECK_FALSE(here.receive());
  CHECK_FALSE(next(here));
  CHECK_FALSE(here.send({"nobody hears"}));
}

TEST_CASE("What is no message is an error, and so is one for which there is no memory") {
  auto [here, there] = Pipe::make();
  CHECK(::send(there.fd(), "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0 rest", 21, 0) == 21);
  CHECK_THROWS_AS(next(here), DamagedError);
  auto [mine, yours] = Pipe::make();
  CHECK(::send(yours.fd(), "printed by accident", 19, 0) == 19);
  CHECK_THROWS_AS(next(mine), DamagedError);
}

}  // namespace
}  // namespace tasker::base
