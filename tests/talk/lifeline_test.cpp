#include "talk/lifeline.hpp"

#include "base/shared.hpp"
#include "support/forked.hpp"

#include <tasker/error.hpp>

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

namespace tasker::talk {
namespace {

using namespace test;

const in_addr_t loopback = htonl(INADDR_LOOPBACK);

/// What has ended, once anything has; nothing after a while.
std::vector<Lifelines::End> next_ended(Lifelines& lifelines) {
  pollfd fd{lifelines.fd(), POLLIN, 0};
  while (::poll(&fd, 1, 60'000) == 1)
    if (auto ended = lifelines.look(); !ended.empty()) return ended;
  return {};
}

void until_held(Lifelines& lifelines, std::uint32_t number) {
  pollfd fd{lifelines.fd(), POLLIN, 0};
  while (!lifelines.holds(number)) {
    REQUIRE(::poll(&fd, 1, 60'000) == 1);
    REQUIRE(lifelines.look().empty());
  }
}

/// A connection of somebody who says what he likes.
class Stranger {
 public:
  Stranger(const Lifelines& victim, const std::string& says) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = loopback;
    to.sin_port = victim.port();
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    REQUIRE(::send(fd_, says.data(), says.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(says.size()));
  }
  ~Stranger() { ::close(fd_); }
  /// Whether the connection is closed by the other end, in the end.
  bool is_shown_out(Lifelines& lifelines) const {
    for (int i = 0; i < 6000; ++i) {
      lifelines.look();
      pollfd fd{fd_, POLLIN, 0};
      char byte = 0;
      if (::poll(&fd, 1, 10) == 1 && ::recv(fd_, &byte, 1, 0) <= 0) return true;
    }
    return false;
  }

 private:
  int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

TEST_CASE("A last word is heard; an end without one is a death") {
  const Secret secret = make_secret();
  Lifelines lifelines(loopback, secret, 1);
  {
    const Lifeline polite({&loopback, 1}, lifelines.port(), secret, 7);
    until_held(lifelines, 7);
    polite.say(42);
  }
  auto ended = next_ended(lifelines);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].number == 7);
  CHECK(ended[0].last_word == 42U);
  CHECK_FALSE(lifelines.holds(7));
  { const Lifeline dies({&loopback, 1}, lifelines.port(), secret, 8); }
  ended = next_ended(lifelines);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].number == 8);
  CHECK_FALSE(ended[0].last_word);
  CHECK_FALSE(ended[0].silent);
}

TEST_CASE("A process that is killed is noticed at once, whatever copies of it live on") {
  const Secret secret = make_secret();
  Lifelines lifelines(loopback, secret, 1);
  const in_port_t port = lifelines.port();  // the fork does not have them
  const base::Shared<std::atomic<pid_t>> copy;
  const Forked connects([&] {
    const Lifeline lifeline({&loopback, 1}, port, secret, 1);
    *copy = forked_sleeper();
    for (;;) ::pause();
  });
  until_held(lifelines, 1);
  await([&] { return *copy > 0; });
  connects.kill();
  const auto ended = next_ended(lifelines);
  REQUIRE(ended.size() == 1);
  CHECK_FALSE(ended[0].last_word);
  CHECK_FALSE(ended[0].silent);
  ::kill(*copy, SIGKILL);
}

TEST_CASE("So is the one that listens") {
  const Secret secret = make_secret();
  const base::Shared<std::atomic<in_port_t>> port;
  const base::Shared<std::atomic<pid_t>> copy;
  const Forked listens([&] {
    Lifelines lifelines(loopback, secret, 1);
    *port = lifelines.port();
    until_held(lifelines, 1);
    *copy = forked_sleeper();
    for (;;) ::pause();
  });
  await([&] { return *port > 0; });
  const Lifeline lifeline({&loopback, 1}, *port, secret, 1);
  await([&] { return *copy > 0; });
  listens.kill();
  pollfd fd{lifeline.fd(), POLLIN, 0};
  REQUIRE(::poll(&fd, 1, 60'000) == 1);
  CHECK_FALSE(lifeline.hear());
  ::kill(*copy, SIGKILL);
}

TEST_CASE("A copy that ends its lifeline closes no file of its own") {
  const Secret secret = make_secret();
  Lifelines lifelines(loopback, secret, 1);
  std::optional<Lifeline> lifeline(std::in_place, std::span(&loopback, 1), lifelines.port(), secret, 1);
  const pid_t copy = ::fork();
  if (copy == 0) {
    const int number = lifeline->fd();
    while (::dup(STDERR_FILENO) < number) continue;  // now another file has that number
    lifeline.reset();
    ::_exit(::fcntl(number, F_GETFD) >= 0 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(copy, &status, 0) == copy);
  CHECK(status == 0);
}

TEST_CASE("The end that connects hears the other's last word, or that there is none") {
  const Secret secret = make_secret();
  for (const bool polite : {true, false}) {
    auto lifelines = std::make_unique<Lifelines>(loopback, secret, 1);
    const Lifeline lifeline({&loopback, 1}, lifelines->port(), secret, 3);
    until_held(*lifelines, 3);
    pollfd fd{lifeline.fd(), POLLIN, 0};
    CHECK(::poll(&fd, 1, 0) == 0);
    if (polite) lifelines->say(5);
    lifelines.reset();
    REQUIRE(::poll(&fd, 1, 60'000) == 1);
    CHECK(lifeline.hear() == (polite ? std::optional<std::uint32_t>(5) : std::nullopt));
  }
}

TEST_CASE("Who does not know the secret, or has another's number, is shown out and means nothing") {
  const Secret secret = make_secret();
  Lifelines lifelines(loopback, secret, 1);
  const Lifeline known({&loopback, 1}, lifelines.port(), secret, 1);
  until_held(lifelines, 1);
  CHECK(Stranger(lifelines, std::string(24, 'x')).is_shown_out(lifelines));
  CHECK(Stranger(lifelines, "GET / HTTP/1.1\r\nHost: tasker\r\n\r\n").is_shown_out(lifelines));
  std::string double_number(reinterpret_cast<const char*>(&secret), sizeof secret);
  double_number += std::string("\1\0\0\0", 4);
  CHECK(Stranger(lifelines, double_number).is_shown_out(lifelines));
  { const Stranger silent(lifelines, "x"); }
  CHECK(lifelines.look().empty());
  CHECK(lifelines.holds(1));
  known.say(0);
  CHECK(next_ended(lifelines).size() == 1);
}

TEST_CASE("Strangers who stay are few, and keep nobody out for ever") {
  const Secret secret = make_secret();
  Lifelines lifelines(loopback, secret, 1);
  {
    std::vector<std::unique_ptr<Stranger>> crowd;
    for (int i = 0; i < 300; ++i) {
      crowd.push_back(std::make_unique<Stranger>(lifelines, "x"));
      lifelines.look();
    }
    CHECK(crowd.back()->is_shown_out(lifelines));
  }
  const Lifeline known({&loopback, 1}, lifelines.port(), secret, 1);
  until_held(lifelines, 1);
}

TEST_CASE("All that are expected may come before the first is looked at") {
  const Secret secret = make_secret();
  Lifelines lifelines(loopback, secret, 700);
  std::vector<std::unique_ptr<Lifeline>> all;
  for (std::uint32_t i = 0; i < 700; ++i)
    all.push_back(std::make_unique<Lifeline>(std::span(&loopback, 1), lifelines.port(), secret, i));
  for (std::uint32_t i = 0; i < 700; ++i) until_held(lifelines, i);
}

TEST_CASE("Where nobody listens, that is said") {
  const Secret secret = make_secret();
  in_port_t port = 0;
  {
    const Lifelines gone(loopback, secret, 1);
    port = gone.port();
  }
  CHECK_THROWS_AS(Lifeline({&loopback, 1}, port, secret, 1), SystemError);
  CHECK_THROWS_AS(Lifeline({}, port, secret, 1), SystemError);
}

}  // namespace
}  // namespace tasker::talk
