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
#include <future>
#include <optional>
#include <string>
#include <vector>

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

const ListenAt at_loopback{ListenAt::How::tcp, "127.0.0.1"};

/// A gate to which runs of other hosts come.
struct Remote {
  explicit Remote(std::chrono::milliseconds patience = 60s) { gate.listen(listener, key, 10s, patience); }

  /// Connects while the gate looks, as another process would.
  std::optional<Connection> connect(const Key& with) {
    auto attempt = std::async(std::launch::async, [&] {
      return connect_to(listener.addresses(), with, 10s, base::Clock::now() + 10s);
    });
    while (attempt.wait_for(1ms) != std::future_status::ready) (void)gate.next();
    return attempt.get();
  }
  base::Descriptor connect_raw() const {
    base::Descriptor fd(::socket(AF_INET, SOCK_STREAM, 0));
    const auto address = *parse_address(listener.addresses().front());
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return fd;
  }
  /// Whether the gate ends that connection without a word.
  bool ends(const base::Descriptor& fd) {
    char byte;
    const base::Time deadline = base::Clock::now() + 10s;
    for (ssize_t got; base::Clock::now() < deadline;) {
      (void)gate.next();
      got = ::recv(fd.get(), &byte, 1, MSG_DONTWAIT);
      if (got > 0) return false;
      if (got == 0 || errno == ECONNRESET) return true;
      pollfd something{fd.get(), POLLIN, 0};
      ::poll(&something, 1, 1);
    }
    return false;
  }

  test::TemporaryDirectory home;
  Key key = make_key();
  Listener listener{at_loopback};
  Gate gate{home.path() / "gate"};
};

TEST_CASE("Gate: a run of another host that has the key speaks, and what is said is whole, however long") {
  Remote remote;
  auto run = remote.connect(remote.key);
  REQUIRE(run);
  const std::string large(5'000'000, 'x');
  run->send(Connection::whole_run, "join");
  run->send(Connection::whole_run, large);
  const auto next = [&] {
    for (;;) {
      run->flush();
      if (auto envelope = remote.gate.next()) return *envelope;
    }
  };
  const Envelope first = next();
  CHECK(first.bytes == "join");
  CHECK(next().bytes == large);
  const int ranks_at = remote.gate.admit(first.source, 1).value();
  remote.gate.send(ranks_at, large);
  for (std::optional<Connection::Said> heard; !heard;) {
    (void)remote.gate.next();
    if ((heard = run->receive())) {
      CHECK(heard->rank == 0);
      CHECK(heard->message == large);
    }
  }
  run->close();
  CHECK(heard(remote.gate).source == ranks_at);
  CHECK(heard(remote.gate).lost);
}

TEST_CASE("Gate: who has another key is refused at both ends, and never heard") {
  Remote remote;
  CHECK_THROWS_AS(remote.connect(make_key()), DamagedError);
  CHECK(remote.connect(remote.key));
}

TEST_CASE("Gate: who says what is no handshake, or nothing, is dropped without a word") {
  Remote remote(200ms);
  const auto silent = remote.connect_raw();
  const auto wrong = remote.connect_raw();
  const std::string nonsense(100'000, 'a');
  CHECK(::send(wrong.get(), nonsense.data(), nonsense.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0);
  CHECK(remote.ends(wrong));
  CHECK(remote.ends(silent));
  CHECK(remote.connect(remote.key));
}

TEST_CASE("Gate: strangers, however many, keep nobody out for long") {
  Remote remote(500ms);
  std::vector<base::Descriptor> strangers;
  for (int i = 0; i < 100; ++i) strangers.push_back(remote.connect_raw());
  CHECK(remote.connect(remote.key));
}

TEST_CASE("Where nobody listens, or somebody who does not answer, connecting ends") {
  const Key key = make_key();
  const Listener mute(at_loopback);
  CHECK_FALSE(connect_to(mute.addresses(), key, 10s, base::Clock::now() + 50ms));
  std::vector<std::string> nobody;
  {
    const Listener gone(at_loopback);
    nobody = gone.addresses();
  }
  CHECK_FALSE(connect_to(nobody, key, 10s, base::Clock::now() + 10s));
  CHECK_FALSE(
      connect_to(std::vector<std::string>{"", "nowhere", "1.2.3.4:0"}, key, 10s, base::Clock::now() + 10s));
}

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
  other.send(Connection::whole_run, "join");
  CHECK(heard(open.gate).bytes == "join");
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
