#include "mpi/mailboxes.hpp"
#include "mpi/polls.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <thread>
#include <vector>

using namespace tasker::talk::mpi;
using namespace tasker::test;
using namespace std::chrono_literals;
using tasker::base::Clock;
using tasker::talk::Envelope;

TEST_CASE("messages of one rank arrive in the order they were sent") {
  Mailbox mailbox(boost::mpi::communicator{});
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

TEST_CASE("a message longer than the part limit arrives whole and in order") {
  const std::size_t limit = GENERATE(std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{1} << 18);
  Mailbox mailbox(boost::mpi::communicator{}, {.part_limit = limit});
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
  Mailbox mailbox(boost::mpi::communicator{}, {.part_limit = 100'000});
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

TEST_CASE("a long message does not crawl") {
  // Both ends have to push, without a pause for 1.5 s. If each looked once a millisecond only, this would
  // take 6 s where MPI copies through small buffers (tests mpi_copies and mpi_hosts).
  Mailbox mailbox(boost::mpi::communicator{}, {.part_limit = 1 << 30});
  const std::string bytes(30'000'000, 'x');
  const Polls polls(mailbox);
  if (mailbox.rank() == 0 && mailbox.size() > 1) {
    mailbox.send(1, bytes);
    REQUIRE(mailbox.flush(soon()));
    const auto rung = polls.first_rung();
    const bool pushed = rung && polls.asleep_within_a_second_of(*rung) == 0;
    const Envelope answer = next(mailbox);
    CHECK((pushed || answer.bytes == "got it at once"));
  } else if (mailbox.rank() == 1) {
    CHECK(next(mailbox).bytes == bytes);
    CHECK(polls.asleep_within_a_second_of(last_receive()) == 0);
    const bool at_once = polls.all().empty() || polls.all().back().begin < last_receive();
    mailbox.send(0, at_once ? "got it at once" : "got it in pieces");
  }
  leave(mailbox);
}

TEST_CASE("flush waits for what was sent, and for no longer than it is told") {
  Mailbox mailbox(boost::mpi::communicator{});
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
  Mailbox mailbox(boost::mpi::communicator{});
  const int other = mailbox.rank() ^ 1;
  if (other < mailbox.size()) {
    mailbox.send(other, pattern(3'000'000, 6));
    CHECK(mailbox.flush(soon()));
    CHECK(next(mailbox).bytes == pattern(3'000'000, 6));
  }
  leave(mailbox);
}

TEST_CASE("a mailbox with unsent messages can go") {
  {
    Mailbox mailbox(boost::mpi::communicator{});
    if (mailbox.rank() == 0 && mailbox.size() > 1) {
      mailbox.send(1, pattern(3'000'000, 7));
      CHECK_FALSE(mailbox.flush(Clock::now()));
    }
    MPI_Barrier(mailbox.communicator());
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

TEST_CASE("what cannot be sent is refused") {
  Mailbox mailbox(boost::mpi::communicator{});
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
    Mailbox mailbox(boost::mpi::communicator{});
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
