#include "talk/mpi/doorbell.hpp"

#include <tasker/error.hpp>

#include <boost/mpi/collectives.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace tasker::talk::mpi {

namespace {

constexpr int most_drained = 256;

struct Datagram {
  Secret secret;
  std::uint64_t number;
  std::uint32_t from;
  Doorbell::Call call;
};
static_assert(sizeof(Datagram) == 32);

// What every rank tells all others when its socket is open.
struct Card {
  int error = 0;       // errno if the socket could not be opened
  in_port_t port = 0;  // network byte order
  std::array<Interface, most_interfaces> interfaces{};
  std::uint32_t interface_count = 0;
};

template <class T>
std::vector<T> all_gather(const T& mine, const boost::mpi::communicator& comm) {
  std::vector<T> all(static_cast<std::size_t>(comm.size()));
  boost::mpi::all_gather(comm, reinterpret_cast<const char*>(&mine), sizeof(T),
                         reinterpret_cast<char*>(all.data()));
  return all;
}

}  // namespace

Doorbell::Doorbell(const boost::mpi::communicator& comm) : rank_(comm.rank()) {
  if (rank_ == 0) secret_ = make_secret();
  boost::mpi::broadcast(comm, reinterpret_cast<char*>(&secret_), sizeof secret_, 0);

  const Place place = here();
  const std::vector<Place> places = all_gather(place, comm);
  // A host is counted at the first of its ranks.
  host_count_ = 0;
  for (auto rank = places.begin(); rank != places.end(); ++rank)
    host_count_ +=
        std::none_of(places.begin(), rank, [&](const Place& other) { return rank->same_host(other); });
  Card card;
  card.error = open(htonl(host_count_ == 1 ? INADDR_LOOPBACK : INADDR_ANY));
  const std::vector<Interface> ours = interfaces();
  card.port = bound_address(fd()).sin_port;
  std::ranges::copy(ours, card.interfaces.begin());
  card.interface_count = static_cast<std::uint32_t>(ours.size());

  const std::vector<Card> cards = all_gather(card, comm);
  peers_.resize(cards.size());
  for (std::size_t i = 0; i < cards.size(); ++i) {
    if (cards[i].error != 0)
      throw SystemError("rank " + std::to_string(i) +
                        " cannot open the UDP socket that wakes it: " + std::strerror(cards[i].error));
    if (place.same_host(places[i])) {
      peers_[i].push_back(ipv4(htonl(INADDR_LOOPBACK), cards[i].port));
      continue;
    }
    const std::size_t count = std::min<std::size_t>(cards[i].interface_count, most_interfaces);
    for (const in_addr_t address : routes(ours, std::span(cards[i].interfaces).first(count)))
      peers_[i].push_back(ipv4(address, cards[i].port));
  }
}

int Doorbell::open(in_addr_t address) {
  fd_ = base::Descriptor(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return errno;
  const sockaddr_in local = ipv4(address, 0);
  return bind(fd(), reinterpret_cast<const sockaddr*>(&local), sizeof(local)) == 0 ? 0 : errno;
}

std::vector<in_addr_t> Doorbell::addresses_of(int rank) const {
  std::vector<in_addr_t> addresses;
  for (const sockaddr_in& peer : peers_[static_cast<std::size_t>(rank)])
    addresses.push_back(peer.sin_addr.s_addr);
  return addresses;
}

void Doorbell::ring(int to, Call call, std::uint64_t number) const {
  const Datagram datagram{secret_, number, static_cast<std::uint32_t>(rank_), call};
  for (const sockaddr_in& peer : peers_[static_cast<std::size_t>(to)]) {
    // A ring that can't be sent is like one that is lost, which the receiver survives.
    (void)sendto(fd(), &datagram, sizeof(datagram), 0, reinterpret_cast<const sockaddr*>(&peer),
                 sizeof(peer));
  }
}

std::span<const Doorbell::Ring> Doorbell::drain() {
  heard_.clear();
  for (int i = 0; i < most_drained; ++i) {
    Datagram datagram{};
    // MSG_TRUNC: the datagram's true length, so that a longer one is not mistaken for ours.
    const ssize_t length = recv(fd(), &datagram, sizeof(datagram), MSG_TRUNC);
    if (length < 0 && errno == EAGAIN) break;
    if (length != sizeof(datagram) || datagram.secret != secret_) continue;
    if (datagram.from >= peers_.size() || datagram.call > Call::receiving) continue;
    heard_.push_back({static_cast<int>(datagram.from), datagram.call, datagram.number});
  }
  return heard_;
}

}  // namespace tasker::talk::mpi
