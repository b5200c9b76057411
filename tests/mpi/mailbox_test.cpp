#include "mpi/mailbox.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <mpi.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace tasker::mpi;
using namespace std::chrono_literals;
using tasker::runtime::Clock;
using tasker::runtime::Envelope;

namespace {

// Long enough for the most loaded machine; a test that waits this long fails.
Clock::time_point soon() { return Clock::now() + 60s; }

Envelope next(Mailbox& mailbox) {
  auto envelope = mailbox.wait(soon());
  REQUIRE(envelope);
  return std::move(*envelope);
}

// Bytes that differ from place to place, so that a part in the wrong place shows.
std::string pattern(std::size_t length, unsigned seed) {
  std::minstd_rand random(seed + 1);
  std::string bytes(length, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() >> 16);
  return bytes;
}

// Everybody has received what was sent to it: a test ends quietly, so that the next mailbox starts quietly.
void leave(Mailbox& mailbox) {
  CHECK(mailbox.flush(soon()));
  CHECK_FALSE(mailbox.wait(Clock::now()));
  MPI_Barrier(MPI_COMM_WORLD);
}

// A pipe with a byte in it or without.
struct Pipe {
  explicit Pipe(bool full) {
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    if (full) REQUIRE(write(ends[1], "x", 1) == 1);
  }
  ~Pipe() {
    close(ends[0]);
    close(ends[1]);
  }
  int ends[2];
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

TEST_CASE("messages of one rank arrive in the order they were sent") {
  Mailbox mailbox(MPI_COMM_WORLD);
  constexpr int kCount = 20'000;
  if (mailbox.rank() == 0) {
    std::map<int, int> seen;
    for (int i = 0; i < kCount * (mailbox.size() - 1); ++i) {
      const Envelope envelope = next(mailbox);
      if (envelope.bytes != std::to_string(seen[envelope.source]++)) FAIL("out of order");
    }
  } else {
    for (int i = 0; i < kCount; ++i) mailbox.send(0, std::to_string(i));
  }
  leave(mailbox);
}

TEST_CASE("ranks answer each other after silences of all lengths") {
  Mailbox mailbox(MPI_COMM_WORLD);
  for (int trial = 0; trial < 30; ++trial) {
    if (mailbox.rank() == 0) {
      CHECK_FALSE(mailbox.wait(Clock::now() + std::chrono::microseconds(1 << (trial / 2))));
      for (int to = 1; to < mailbox.size(); ++to) mailbox.send(to, "ping");
      for (int to = 1; to < mailbox.size(); ++to) CHECK(next(mailbox).bytes == "pong");
    } else {
      CHECK(next(mailbox).bytes == "ping");
      mailbox.send(0, "pong");
    }
  }
  leave(mailbox);
}

TEST_CASE("a message longer than the part limit arrives whole and in order") {
  const std::size_t limit = GENERATE(std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{1} << 18);
  Mailbox mailbox(MPI_COMM_WORLD, {.part_limit = limit});
  const std::vector<std::size_t> lengths = {0, 1, limit - 1, limit, limit + 1, 3 * limit, 10 * limit + 3, 5};
  for (int to = 0; to < mailbox.size(); ++to) {
    if (to == mailbox.rank()) continue;
    for (const std::size_t length : lengths)
      mailbox.send(to, pattern(length, static_cast<unsigned>(mailbox.rank())));
  }
  std::map<int, std::size_t> seen;
  for (std::size_t i = 0; i < lengths.size() * static_cast<std::size_t>(mailbox.size() - 1); ++i) {
    const Envelope envelope = next(mailbox);
    const std::size_t length = lengths[seen[envelope.source]++];
    if (envelope.bytes != pattern(length, static_cast<unsigned>(envelope.source)))
      FAIL("another message " << length);
  }
  leave(mailbox);
}

TEST_CASE("all ranks send to all, of all lengths") {
  Mailbox mailbox(MPI_COMM_WORLD, {.part_limit = 100'000});
  constexpr int kEach = 60;
  const auto message = [](int from, int to, int i) {
    const auto seed = static_cast<unsigned>((from * 100 + to) * 1000 + i);
    std::minstd_rand random(seed + 7);
    return pattern(random() % (std::size_t{1} << (random() % 20)), seed);
  };
  std::map<int, int> seen;
  int expected = kEach * (mailbox.size() - 1);
  const auto take = [&](Envelope envelope) {
    if (envelope.bytes != message(envelope.source, mailbox.rank(), seen[envelope.source]++))
      FAIL("another message");
    --expected;
  };
  for (int i = 0; i < kEach; ++i) {
    for (int to = 0; to < mailbox.size(); ++to) {
      if (to != mailbox.rank()) mailbox.send(to, message(mailbox.rank(), to, i));
    }
    if (auto envelope = mailbox.wait(Clock::now())) take(std::move(*envelope));
  }
  while (expected > 0) take(next(mailbox));
  leave(mailbox);
}

TEST_CASE("lost rings cost latency only") {
  Mailbox mailbox(MPI_COMM_WORLD, {.part_limit = 100'000, .mute = true});
  const auto start = Clock::now();
  for (int trial = 0; trial < 20; ++trial) {
    if (mailbox.rank() == 0) {
      for (int to = 1; to < mailbox.size(); ++to) mailbox.send(to, pattern(350'000, 1));
      for (int to = 1; to < mailbox.size(); ++to) CHECK(next(mailbox).bytes == "got it");
    } else {
      CHECK(next(mailbox).bytes == pattern(350'000, 1));
      mailbox.send(0, "got it");
    }
  }
  CHECK(seconds_since(start) < 20);
  leave(mailbox);
}

TEST_CASE("a rank wakes soon after a long silence") {
  // By itself it would look 640 and then 1140 ms after the last event.
  constexpr auto kSilence = 700ms;
  const bool mute = GENERATE(false, true);
  Mailbox mailbox(MPI_COMM_WORLD, {.mute = mute});
  if (mailbox.size() == 1) return;
  for (int trial = 0; trial < 3; ++trial) {
    if (mailbox.rank() == 1) {
      CHECK_FALSE(mailbox.wait(Clock::now() + kSilence));
      const std::int64_t now = Clock::now().time_since_epoch().count();
      mailbox.send(0, {reinterpret_cast<const char*>(&now), sizeof(now)});
      CHECK(next(mailbox).bytes == "again");
    } else if (mailbox.rank() == 0) {
      std::int64_t sent = 0;
      next(mailbox).bytes.copy(reinterpret_cast<char*>(&sent), sizeof(sent));
      // Where rings get lost the first message is the one to show it.
      if (!mute || trial > 0) CHECK(seconds_since(Clock::time_point(Clock::duration(sent))) < 0.2);
      mailbox.send(1, "again");
    }
  }
  leave(mailbox);
}

TEST_CASE("a long message does not crawl") {
  // Both ends have to push. If each looked once a millisecond only, this would take 6 s where MPI copies
  // through small buffers (tests mpi_copies and mpi_hosts).
  Mailbox mailbox(MPI_COMM_WORLD, {.part_limit = 1 << 30});
  const std::string bytes(30'000'000, 'x');
  const auto start = Clock::now();
  if (mailbox.rank() == 0 && mailbox.size() > 1) {
    mailbox.send(1, bytes);
    CHECK(next(mailbox).bytes == "got it");
    CHECK(seconds_since(start) < 3);
  } else if (mailbox.rank() == 1) {
    CHECK(next(mailbox).bytes == bytes);
    mailbox.send(0, "got it");
  }
  leave(mailbox);
}

TEST_CASE("a deadline is kept") {
  Mailbox mailbox(MPI_COMM_WORLD);
  const auto start = Clock::now();
  CHECK_FALSE(mailbox.wait(start + 50ms));
  const double waited = seconds_since(start);
  CHECK(waited >= 0.050);
  CHECK(waited < 5);
  CHECK_FALSE(mailbox.wait(Clock::time_point::min()));
  CHECK_FALSE(mailbox.wait(start));
  CHECK(seconds_since(start) < 5);
  leave(mailbox);
}

TEST_CASE("a watched descriptor ends the wait") {
  Mailbox mailbox(MPI_COMM_WORLD);
  const Pipe empty(false);
  const Pipe full(true);
  std::vector<pollfd> watched = {{empty.ends[0], POLLIN, POLLERR}, {full.ends[0], POLLIN, 0}};
  SECTION("that is ready already") {
    CHECK_FALSE(mailbox.wait(soon(), watched));
    CHECK(watched[0].revents == 0);
    CHECK(watched[1].revents == POLLIN);
  }
  SECTION("even when the deadline has passed") {
    CHECK_FALSE(mailbox.wait(Clock::now() - 1s, watched));
    CHECK(watched[1].revents == POLLIN);
  }
  SECTION("that becomes ready in its sleep") {
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const itimerspec in_80_ms{{}, {0, 80'000'000}};
    REQUIRE(timerfd_settime(timer, 0, &in_80_ms, nullptr) == 0);
    watched[1] = {timer, POLLIN, 0};
    const auto start = Clock::now();
    CHECK_FALSE(mailbox.wait(Clock::time_point::max(), watched));
    CHECK(seconds_since(start) < 30);
    CHECK(watched[1].revents == POLLIN);
    close(timer);
  }
  leave(mailbox);
}

TEST_CASE("a message goes before a descriptor") {
  Mailbox mailbox(MPI_COMM_WORLD);
  if (mailbox.rank() == 0) {
    for (int to = 1; to < mailbox.size(); ++to) mailbox.send(to, "first");
  }
  MPI_Barrier(MPI_COMM_WORLD);
  const Pipe full(true);
  std::vector<pollfd> watched = {{full.ends[0], POLLIN, POLLERR}};
  if (mailbox.rank() != 0) {
    // The message may still be on its way between hosts; descriptors may only be reported until it is here.
    auto envelope = mailbox.wait(soon(), watched);
    while (!envelope) envelope = mailbox.wait(soon(), watched);
    CHECK(envelope->bytes == "first");
    CHECK(watched[0].revents == 0);
  }
  CHECK_FALSE(mailbox.wait(soon(), watched));
  CHECK(watched[0].revents == POLLIN);
  leave(mailbox);
}

TEST_CASE("a flood of junk holds up neither deadlines nor messages") {
  Mailbox mailbox(MPI_COMM_WORLD);
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  REQUIRE(getsockname(mailbox.doorbell().fd(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::atomic<bool> stop = false;
  std::atomic<int> sent = 0;
  std::thread flood([&] {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const std::string junk(32, 'j');
    for (; !stop; ++sent) {
      (void)sendto(fd, junk.data(), junk.size(), 0, reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address));
    }
    close(fd);
  });
  while (sent < 1000) std::this_thread::yield();
  const auto start = Clock::now();
  const bool something = mailbox.rank() == 0 && mailbox.wait(start + 100ms).has_value();
  const double waited = seconds_since(start);
  for (int trial = 0; trial < 20; ++trial) {
    if (mailbox.rank() == 0) {
      for (int to = 1; to < mailbox.size(); ++to) mailbox.send(to, "ping");
      for (int to = 1; to < mailbox.size(); ++to) CHECK(next(mailbox).bytes == "pong");
    } else {
      CHECK(next(mailbox).bytes == "ping");
      mailbox.send(0, "pong");
    }
  }
  stop = true;
  flood.join();
  CHECK_FALSE(something);
  CHECK(waited < 5);
  leave(mailbox);
}

TEST_CASE("flush waits for what was sent, and for no longer than it is told") {
  Mailbox mailbox(MPI_COMM_WORLD);
  if (mailbox.size() == 1) return;
  const std::string large = pattern(3'000'000, 5);
  CHECK(mailbox.flush(Clock::now()));
  if (mailbox.rank() == 0) {
    mailbox.send(1, large);
    CHECK_FALSE(mailbox.flush(Clock::now() + 20ms));  // rank 1 is not listening yet
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(mailbox.flush(soon()));
  } else {
    MPI_Barrier(MPI_COMM_WORLD);
    if (mailbox.rank() == 1) CHECK(next(mailbox).bytes == large);
  }
  leave(mailbox);
}

TEST_CASE("two ranks may flush long messages to each other") {
  Mailbox mailbox(MPI_COMM_WORLD);
  const int other = mailbox.rank() ^ 1;
  if (other < mailbox.size()) {
    mailbox.send(other, pattern(3'000'000, 6));
    CHECK(mailbox.flush(soon()));
    CHECK(next(mailbox).bytes == pattern(3'000'000, 6));
  }
  leave(mailbox);
}

TEST_CASE("a mailbox with unsent messages can go") {
  const auto start = Clock::now();
  {
    Mailbox mailbox(MPI_COMM_WORLD);
    if (mailbox.rank() == 0 && mailbox.size() > 1) {
      mailbox.send(1, pattern(3'000'000, 7));
      CHECK_FALSE(mailbox.flush(Clock::now()));
    }
    MPI_Barrier(mailbox.communicator());
  }
  MPI_Barrier(MPI_COMM_WORLD);
  CHECK(seconds_since(start) < 20);
}

TEST_CASE("what cannot be sent is refused") {
  Mailbox mailbox(MPI_COMM_WORLD);
  CHECK_THROWS_AS(mailbox.send(mailbox.rank(), "me"), std::invalid_argument);
  CHECK_THROWS_AS(mailbox.send(-1, "nobody"), std::invalid_argument);
  CHECK_THROWS_AS(mailbox.send(mailbox.size(), "nobody"), std::invalid_argument);
  leave(mailbox);
}

TEST_CASE("what is no message is an error, not a wrong message") {
  constexpr int kWhole = 1, kLong = 2, kPart = 3;
  struct Piece {
    int tag;
    std::string bytes;
  };
  const auto length = [](std::uint64_t n) {
    return std::string(reinterpret_cast<const char*>(&n), sizeof(n));
  };
  const std::vector<std::vector<Piece>> lies = {
      {{kPart, "a part of nothing"}},
      {{kLong, "short"}},
      {{kLong, length(0)}},
      {{kLong, length(~std::uint64_t{0})}},
      {{kLong, length(10)}, {kWhole, "in between"}},
      {{kLong, length(10)}, {kLong, length(10)}},
      {{kLong, length(10)}, {kPart, ""}},
      {{kLong, length(10)}, {kPart, "12345"}, {kPart, "678901"}},
      {{99, "what is that"}},
  };
  for (const std::vector<Piece>& lie : lies) {
    Mailbox mailbox(MPI_COMM_WORLD);
    if (mailbox.rank() == 0 && mailbox.size() > 1) {
      for (const Piece& piece : lie) {
        MPI_Send(piece.bytes.data(), static_cast<int>(piece.bytes.size()), MPI_BYTE, 1, piece.tag,
                 mailbox.communicator());
      }
    } else if (mailbox.rank() == 1) {
      CHECK_THROWS_AS(mailbox.wait(soon()), tasker::SystemError);
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }
}
