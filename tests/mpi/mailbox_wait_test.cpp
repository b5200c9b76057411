#include "mpi/mailboxes.hpp"
#include "mpi/polls.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tasker::talk::mpi;
using namespace tasker::test;
using namespace std::chrono_literals;
using tasker::base::Clock;
using tasker::talk::Envelope;

namespace {

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

// Who floods this rank's doorbell, from a thread, until it is told to stop.
class Flood {
 public:
  Flood(const Mailbox& mailbox, std::vector<std::string> datagrams)
      : address_(address_of(mailbox)), datagrams_(std::move(datagrams)), thread_([this] { send(); }) {
    while (sent_ < 1000) std::this_thread::yield();
  }
  void stop() {
    stop_ = true;
    thread_.join();
  }

  static sockaddr_in address_of(const Mailbox& mailbox) {
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    REQUIRE(getsockname(mailbox.doorbell().fd(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

 private:
  void send() {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (; !stop_; ++sent_) {
      const std::string& datagram = datagrams_[sent_ % datagrams_.size()];
      (void)sendto(fd, datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&address_),
                   sizeof(address_));
    }
    close(fd);
  }
  sockaddr_in address_;
  std::vector<std::string> datagrams_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> sent_ = 0;
  std::thread thread_;
};

// What somebody could send who has read one ring of this run: rings of all ranks, for messages that were
// never sent and for bytes that nobody receives.
std::vector<std::string> forged_rings(Mailbox& mailbox) {
  mailbox.doorbell().ring(mailbox.rank(), Doorbell::Call::message, 0);
  std::string datagram(64, '\0');
  const ssize_t length = recv(mailbox.doorbell().fd(), datagram.data(), datagram.size(), 0);
  REQUIRE(length == 32);
  datagram.resize(32);
  std::vector<std::string> forged;
  for (std::uint32_t from = 0; from < static_cast<std::uint32_t>(mailbox.size()); ++from) {
    for (const std::uint32_t call : {0U, 1U}) {
      const std::uint64_t number = UINT64_MAX - from;
      std::memcpy(&datagram[16], &number, sizeof(number));
      std::memcpy(&datagram[24], &from, sizeof(from));
      std::memcpy(&datagram[28], &call, sizeof(call));
      forged.push_back(datagram);
    }
  }
  return forged;
}

}  // namespace

TEST_CASE("ranks answer each other after silences of all lengths") {
  Mailbox mailbox(boost::mpi::communicator{});
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

TEST_CASE("lost rings cost latency only") {
  Mailbox mailbox(boost::mpi::communicator{}, {.part_limit = 100'000, .mute = true});
  for (int trial = 0; trial < 20; ++trial) {
    if (mailbox.rank() == 0) {
      for (int to = 1; to < mailbox.size(); ++to) mailbox.send(to, pattern(350'000, 1));
      for (int to = 1; to < mailbox.size(); ++to) CHECK(next(mailbox).bytes == "got it");
    } else {
      CHECK(next(mailbox).bytes == pattern(350'000, 1));
      mailbox.send(0, "got it");
    }
  }
  leave(mailbox);
}

TEST_CASE("a ring ends a long sleep; where rings get lost, none is long any more") {
  // By itself it would sleep for 160 ms at last.
  constexpr auto kSilence = 300ms;
  const bool mute = GENERATE(false, true);
  Mailbox mailbox(boost::mpi::communicator{}, {.mute = mute});
  if (mailbox.size() == 1) return;
  int slept = 0;
  int rung = 0;
  for (int trial = 0; trial < 3; ++trial) {
    if (mailbox.rank() == 1) {
      CHECK_FALSE(mailbox.wait(Clock::now() + kSilence));
      mailbox.send(0, "now");
      CHECK(next(mailbox).bytes == "again");
    } else if (mailbox.rank() == 0) {
      const Polls polls(mailbox);
      CHECK(next(mailbox).bytes == "now");
      if (mute && slept > 0) CHECK(polls.longest_timeout() < 50ms);
      if (!polls.all().empty()) ++slept;
      if (polls.first_rung()) ++rung;
      mailbox.send(1, "again");
    }
  }
  CHECK((mute ? rung == 0 : slept == 0 || rung > 0));
  leave(mailbox);
}

TEST_CASE("a deadline is kept") {
  Mailbox mailbox(boost::mpi::communicator{});
  const auto start = Clock::now();
  {
    const Polls polls(mailbox);
    CHECK_FALSE(mailbox.wait(start + 50ms));
    CHECK(Clock::now() >= start + 50ms);
    CHECK(polls.longest_timeout() <= 50ms);
  }
  const Polls polls(mailbox);
  CHECK_FALSE(mailbox.wait(Clock::time_point::min()));
  CHECK_FALSE(mailbox.wait(start));
  CHECK(polls.longest_timeout() == 0s);
  CHECK(polls.all().size() <= 2);
  leave(mailbox);
}

TEST_CASE("a watched descriptor ends the wait") {
  Mailbox mailbox(boost::mpi::communicator{});
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
    CHECK_FALSE(mailbox.wait(Clock::time_point::max(), watched));
    CHECK(watched[1].revents == POLLIN);
    close(timer);
  }
  leave(mailbox);
}

TEST_CASE("a message goes before a descriptor") {
  Mailbox mailbox(boost::mpi::communicator{});
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

TEST_CASE(
    "a flood of junk, or of forged rings, holds up neither deadlines nor messages, and leaves nobody awake") {
  Mailbox mailbox(boost::mpi::communicator{}, {.part_limit = 10'000});
  const bool forged = GENERATE(false, true);
  Flood flood(mailbox, forged ? forged_rings(mailbox) : std::vector{std::string(32, 'j')});
  const bool something = mailbox.rank() == 0 && mailbox.wait(Clock::now() + 100ms).has_value();
  for (int trial = 0; trial < 20; ++trial) {
    if (mailbox.rank() == 0) {
      for (int to = 1; to < mailbox.size(); ++to) mailbox.send(to, pattern(35'000, 2));
      for (int to = 1; to < mailbox.size(); ++to) CHECK(next(mailbox).bytes == "pong");
    } else {
      CHECK(next(mailbox).bytes == pattern(35'000, 2));
      mailbox.send(0, "pong");
    }
  }
  flood.stop();
  CHECK_FALSE(something);
  leave(mailbox);
  const Polls polls(mailbox);
  const auto soon_quiet = Clock::now() + 100ms;
  CHECK_FALSE(mailbox.wait(soon_quiet + 200ms));
  const auto awake = std::count_if(polls.all().begin(), polls.all().end(), [&](const Poll& poll) {
    return poll.begin > soon_quiet && poll.timeout == 0s;
  });
  CHECK(awake <= 1);  // right at the deadline
  MPI_Barrier(MPI_COMM_WORLD);
}
