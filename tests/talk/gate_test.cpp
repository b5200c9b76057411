#include "talk/gate.hpp"

#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>

namespace tasker::talk {
namespace {

using namespace std::chrono_literals;

/// Waits for the next thing that is heard.
Envelope heard(Gate& gate) {
  for (;;) {
    if (auto envelope = gate.next()) return *envelope;
    pollfd something{gate.fd(), POLLIN, 0};
    REQUIRE(::poll(&something, 1, 10000) == 1);
  }
}

Connection::Said said(Connection& connection) {
  for (;;) {
    if (auto message = connection.receive()) return *message;
    REQUIRE_FALSE(connection.has_ended());
    pollfd something{connection.fd(), POLLIN, 0};
    REQUIRE(::poll(&something, 1, 10000) == 1);
  }
}

struct Open {
  test::TemporaryDirectory home;
  std::filesystem::path path = home.path() / "gate";
  Gate gate{path};
  Connection run = *connect_to(path);

  /// The number of the run, which has said that it wants to join.
  int number() {
    run.send(Connection::whole_run, "join");
    const Envelope envelope = heard(gate);
    CHECK(envelope.bytes == "join");
    return envelope.source;
  }
};

TEST_CASE("Gate: a run speaks as a whole and for its ranks, and hears what is said to each") {
  Open open;
  const int number = open.number();
  CHECK(number >= Gate::first);
  const auto ranks_at = open.gate.admit(number, 3);
  REQUIRE(ranks_at);
  open.run.send(0, "a");
  open.run.send(2, "c");
  const std::string large(5 << 20, 'x');
  open.run.send(1, large);
  CHECK(heard(open.gate).source == *ranks_at);
  CHECK(heard(open.gate).source == *ranks_at + 2);
  for (int i = 0; i < 200 && open.run.has_unsent(); ++i) {
    open.run.flush();
    pollfd something{open.gate.fd(), POLLIN, 0};
    (void)::poll(&something, 1, 100);
    if (const auto envelope = open.gate.next()) {
      CHECK(envelope->source == *ranks_at + 1);
      CHECK(envelope->bytes == large);
    }
  }
  open.gate.send(*ranks_at + 2, "to 2");
  open.gate.send(number, large);
  CHECK(said(open.run).rank == 2);
  while (open.run.receive().value_or(Connection::Said{0, {}}).rank != Connection::whole_run)
    open.gate.flush(base::Clock::now() + 1ms);
}

TEST_CASE("Gate: a rank that is gone, and a run that is gone with its ranks") {
  Open open;
  const int number = open.number();
  const int ranks_at = open.gate.admit(number, 2).value();
  open.run.send(1, {});
  const Envelope rank = heard(open.gate);
  CHECK(rank.lost);
  CHECK_FALSE(rank.silent);
  CHECK(rank.source == ranks_at + 1);
  open.run.close();
  CHECK(open.run.has_ended());
  for (const int source : {ranks_at, ranks_at + 1, number}) {
    const Envelope envelope = heard(open.gate);
    CHECK(envelope.lost);
    CHECK(envelope.silent == (source != number));
    CHECK(envelope.source == source);
  }
  open.gate.send(ranks_at, "nobody hears");
  CHECK_FALSE(open.gate.admit(number, 2));
  CHECK_FALSE(open.gate.next());
}

TEST_CASE("Gate: who speaks for a rank that it does not have is let go of, and so is who sends nonsense") {
  Open open;
  const int number = open.number();
  open.run.send(0, "not admitted");
  CHECK(heard(open.gate).lost);
  Connection other = *connect_to(open.path);
  REQUIRE(::send(other.fd(), "some bytes that are no message", 30, 0) == 30);
  const Envelope gone = heard(open.gate);
  CHECK(gone.lost);
  CHECK(gone.source != number);
}

TEST_CASE("Gate: no number is given twice") {
  Open open;
  const int first = open.number();
  const int ranks_at = open.gate.admit(first, 5).value();
  open.run.close();
  while (heard(open.gate).source != first) continue;
  open.run = *connect_to(open.path);
  CHECK(open.number() >= ranks_at + 5);
}

TEST_CASE("Gate: a child that lives on does not hold the connections") {
  Open open;
  const int number = open.number();
  const pid_t child = ::fork();
  if (child == 0)
    for (;;) ::pause();
  REQUIRE(child > 0);
  open.run.close();
  CHECK(heard(open.gate).source == number);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("Gate: its path may be longer than the address of a socket, and nobody listens where it is not") {
  const test::TemporaryDirectory home;
  const auto directory = home.path() / std::string(200, 'd');
  std::filesystem::create_directory(directory);
  CHECK_FALSE(connect_to(directory / "gate"));
  {
    const Gate gate(directory / "gate");
    CHECK(connect_to(directory / "gate"));
    CHECK_THROWS_AS(Gate(directory / "gate"), SystemError);
  }
  CHECK_FALSE(connect_to(directory / "gate"));
}

}  // namespace
}  // namespace tasker::talk
