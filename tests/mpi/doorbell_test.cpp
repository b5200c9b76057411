#include "talk/mpi/doorbell.hpp"

#include "talk/mpi/session.hpp"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <mpi.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace tasker::talk::mpi;

namespace {

sockaddr_in address_of(const Doorbell& doorbell) {
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  REQUIRE(getsockname(doorbell.fd(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  return address;
}

// Someone else on this host, who knows the port but not the secret.
class Stranger {
 public:
  explicit Stranger(const Doorbell& victim) : to_(address_of(victim)) {
    to_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(fd_ >= 0);
  }
  ~Stranger() { close(fd_); }
  void send(const std::string& bytes) const {
    REQUIRE(sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to_),
                   sizeof(to_)) == static_cast<ssize_t>(bytes.size()));
  }

 private:
  int fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to_;
};

// A ring as it is on its way, with the secret of the run.
std::string own_datagram(Doorbell& doorbell) {
  doorbell.ring(0, Doorbell::Call::message, 1);
  pollfd fd{doorbell.fd(), POLLIN, 0};
  REQUIRE(poll(&fd, 1, 60'000) == 1);
  std::string datagram(64, '\0');
  const ssize_t length = recv(doorbell.fd(), datagram.data(), datagram.size(), 0);
  REQUIRE(length == 32);
  datagram.resize(32);
  return datagram;
}

bool rung(const Doorbell& doorbell, int timeout_ms) {
  pollfd fd{doorbell.fd(), POLLIN, 0};
  return poll(&fd, 1, timeout_ms) == 1;
}

}  // namespace

TEST_CASE("a ring tells who rang and why") {
  Doorbell doorbell(boost::mpi::communicator(MPI_COMM_SELF, boost::mpi::comm_attach));
  doorbell.ring(0, Doorbell::Call::message, 41);
  doorbell.ring(0, Doorbell::Call::receiving, std::uint64_t{1} << 40);
  REQUIRE(rung(doorbell, 60'000));
  const auto rings = doorbell.drain();
  REQUIRE(rings.size() == 2);
  CHECK(rings[0].from == 0);
  CHECK(rings[0].call == Doorbell::Call::message);
  CHECK(rings[0].number == 41);
  CHECK(rings[1].call == Doorbell::Call::receiving);
  CHECK(rings[1].number == std::uint64_t{1} << 40);
  CHECK_FALSE(rung(doorbell, 0));
}

TEST_CASE("every rank can ring every other one") {
  Doorbell doorbell(boost::mpi::communicator{});
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  for (int to = 0; to < size; ++to)
    doorbell.ring(to, Doorbell::Call::message, static_cast<std::uint64_t>(rank));
  std::vector<int> heard;
  while (heard.size() < static_cast<std::size_t>(size) && rung(doorbell, 60'000)) {
    for (const Doorbell::Ring& ring : doorbell.drain()) {
      CHECK(ring.number == static_cast<std::uint64_t>(ring.from));
      heard.push_back(ring.from);
    }
  }
  std::sort(heard.begin(), heard.end());
  std::vector<int> everybody;
  for (int from = 0; from < size; ++from) everybody.push_back(from);
  CHECK(heard == everybody);
}

TEST_CASE("on one host only loopback is open") {
  const Doorbell doorbell(boost::mpi::communicator(MPI_COMM_SELF, boost::mpi::comm_attach));
  CHECK(address_of(doorbell).sin_addr.s_addr == htonl(INADDR_LOOPBACK));
}

TEST_CASE("what a stranger sends is dropped") {
  Doorbell doorbell(boost::mpi::communicator(MPI_COMM_SELF, boost::mpi::comm_attach));
  const Stranger stranger(doorbell);
  for (const std::size_t length : std::initializer_list<std::size_t>{0, 1, 16, 31, 32, 33, 64, 1400, 60'000})
    stranger.send(std::string(length, 'x'));
  stranger.send(std::string(32, '\0'));
  REQUIRE(rung(doorbell, 60'000));
  CHECK(doorbell.drain().empty());
  CHECK_FALSE(rung(doorbell, 0));
}

TEST_CASE("another run's ring is dropped") {
  Doorbell doorbell(boost::mpi::communicator(MPI_COMM_SELF, boost::mpi::comm_attach));
  Doorbell other(boost::mpi::communicator(MPI_COMM_SELF, boost::mpi::comm_attach));
  const std::string datagram = own_datagram(other);

  const Stranger stranger(doorbell);
  stranger.send(datagram);
  REQUIRE(rung(doorbell, 60'000));
  CHECK(doorbell.drain().empty());

  // The same bytes are good where they belong, but not with a tail, an unknown caller or an unknown call.
  const Stranger friendly(other);
  friendly.send(datagram + '\0');
  for (const std::size_t field : {std::size_t{24}, std::size_t{28}}) {
    std::string wrong = datagram;
    wrong[field] = 2;
    friendly.send(wrong);
  }
  friendly.send(datagram);
  REQUIRE(rung(other, 60'000));
  CHECK(other.drain().size() == 1);
}

TEST_CASE("one drain of a flood is bounded") {
  Doorbell doorbell(boost::mpi::communicator(MPI_COMM_SELF, boost::mpi::comm_attach));
  const int room = 1 << 20;
  REQUIRE(setsockopt(doorbell.fd(), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) == 0);
  constexpr std::size_t kRings = 300;
  for (std::size_t i = 0; i < kRings; ++i) doorbell.ring(0, Doorbell::Call::message, i);
  std::size_t heard = doorbell.drain().size();
  CHECK(heard < kRings);
  while (rung(doorbell, 0)) heard += doorbell.drain().size();
  CHECK(heard == kRings);
}

TEST_CASE("random bytes, with or without the secret, of any length, give no ring that cannot be") {
  Doorbell doorbell(boost::mpi::communicator(MPI_COMM_SELF, boost::mpi::comm_attach));
  const Stranger someone(doorbell);
  const std::string real = own_datagram(doorbell);
  std::mt19937 random(1);
  for (int i = 0; i < 60'000; ++i) {
    std::string datagram(random() % 80, '\0');
    for (char& byte : datagram) byte = static_cast<char>(random());
    if (i % 2 == 0) datagram.replace(0, std::min<std::size_t>(datagram.size(), 16), real.substr(0, 16));
    if (i % 4 == 0) datagram.resize(real.size());
    someone.send(datagram);
    for (const Doorbell::Ring& ring : doorbell.drain()) {
      CHECK(ring.from == 0);
      CHECK((ring.call == Doorbell::Call::message || ring.call == Doorbell::Call::receiving));
    }
  }
}

TEST_CASE("mpirun is recognised") { CHECK(launched()); }
