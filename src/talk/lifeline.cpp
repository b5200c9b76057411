#include "talk/lifeline.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/sleep.hpp"
#include "talk/tcp.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tasker::talk {

using namespace std::chrono_literals;

namespace {

constexpr int backlog = 4096;
constexpr auto patience_to_connect = 5s;
/// Room for connections of strangers, besides the expected ones.
constexpr std::size_t most_strangers = 256;
/// Open files of a process besides its connections.
constexpr std::size_t other_files = 256;

// What the connecting end says: the secret and its number, and in the end its last word.
constexpr std::size_t hello_size = sizeof(Secret) + sizeof(std::uint32_t);
constexpr std::size_t all_size = hello_size + sizeof(std::uint32_t);

std::string number_bytes(std::uint32_t number) {
  std::string bytes;
  detail::put(bytes, number);
  return bytes;
}

std::uint32_t number_in(std::string_view bytes) { return detail::Reader(bytes).number<std::uint32_t>(); }

/// Never waits: so few bytes find room in the socket's buffer, unless the connection is dead.
bool send_bytes(int fd, std::string_view bytes) {
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

std::string_view view(const Secret& secret) {
  return {reinterpret_cast<const char*>(&secret), sizeof secret};
}

/// Whether a connection is made in time; if not, errno says why.
bool connect_to(int fd, const sockaddr_in& peer) {
  if (!begin_to_connect(fd, peer)) return false;
  pollfd made{fd, POLLOUT, 0};
  base::sleep_until(base::Clock::now() + patience_to_connect, {&made, 1});
  errno = made.revents != 0 ? socket_error(fd) : ETIMEDOUT;
  return errno == 0;
}

}  // namespace

Secret make_secret() { return {base::random_id(), base::random_id()}; }

Lifeline::Lifeline(std::span<const in_addr_t> addresses, in_port_t port, const Secret& secret,
                   std::uint32_t number) {
  int error = EHOSTUNREACH;
  for (const in_addr_t address : addresses) {
    fd_ = tcp_socket();
    give_up_after(fd(), default_lost_after);
    if (connect_to(fd(), ipv4(address, port)) &&
        send_bytes(fd(), std::string(view(secret)) + number_bytes(number)))
      return;
    error = errno;
  }
  throw SystemError(std::string("cannot connect: ") + std::strerror(error));
}

std::optional<std::uint32_t> Lifeline::hear() const {
  char bytes[sizeof(std::uint32_t)];
  if (::recv(fd(), bytes, sizeof bytes, 0) != sizeof bytes) return std::nullopt;
  return number_in({bytes, sizeof bytes});
}

void Lifeline::say(std::uint32_t last_word) const { send_bytes(fd(), number_bytes(last_word)); }

void Lifeline::set_lost_after(std::chrono::milliseconds lost_after) const { give_up_after(fd(), lost_after); }

Lifelines::Lifelines(in_addr_t address, const Secret& secret, std::size_t expected)
    : secret_(secret), most_(expected + most_strangers), listener_(tcp_socket()) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::max(files.rlim_cur, std::min<rlim_t>(files.rlim_max, most_ + other_files));
  ::setrlimit(RLIMIT_NOFILE, &files);
  const sockaddr_in local = ipv4(address, 0);
  epoll_ = UnsharedDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_ || ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0 ||
      ::listen(listener_.get(), backlog) != 0 || !notify(listener_.get()))
    base::throw_errno("listen at", "a TCP socket");
}

/// From now on `fd()` is readable when `fd` is; false where the system refuses.
bool Lifelines::notify(int fd) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Lifelines::accept() {
  for (;;) {
    UnsharedDescriptor fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd && (errno == EINTR || errno == ECONNABORTED)) continue;
    // Without descriptors left the listener would stay readable for ever: from now on nobody else is
    // accepted.
    if (!fd && errno != EAGAIN) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(), nullptr);
    if (!fd) return;
    if (peers_.size() >= most_ || !notify(fd.get())) continue;
    give_up_after(fd.get(), lost_after_);
    peers_[fd.get()].fd = std::move(fd);
  }
}

/// Reads what has arrived; false if the connection has ended, or is a stranger's.
bool Lifelines::hear(Peer& peer) {
  char bytes[all_size];
  const ssize_t got = ::recv(peer.fd.get(), bytes, all_size - peer.heard.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  peer.silent = got < 0 && errno != ECONNRESET && errno != EPIPE;
  if (got <= 0) return false;
  peer.heard.append(bytes, static_cast<std::size_t>(got));
  if (!peer.number && peer.heard.size() >= hello_size) {
    const std::string_view heard = peer.heard;
    const std::uint32_t number = number_in(heard.substr(sizeof(Secret)));
    if (!heard.starts_with(view(secret_)) || !fds_.try_emplace(number, peer.fd.get()).second) return false;
    peer.number = number;
  }
  return peer.heard.size() < all_size;
}

std::vector<Lifelines::End> Lifelines::look() {
  std::vector<End> ended;
  epoll_event events[64];
  for (int count = 64; count == 64;) {
    count = ::epoll_wait(epoll_.get(), events, 64, 0);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener_.get()) {
        accept();
        continue;
      }
      Peer& peer = peers_.at(fd);
      if (hear(peer)) continue;
      if (peer.number) {
        const bool said = peer.heard.size() == all_size;
        ended.push_back({*peer.number,
                         said ? std::optional(number_in(peer.heard.substr(hello_size))) : std::nullopt,
                         peer.silent});
        fds_.erase(*peer.number);
      }
      peers_.erase(fd);
    }
  }
  return ended;
}

void Lifelines::say(std::uint32_t last_word) const {
  for (const auto& [number, fd] : fds_) send_bytes(fd, number_bytes(last_word));
}

void Lifelines::set_lost_after(std::chrono::milliseconds lost_after) {
  if (std::exchange(lost_after_, lost_after) == lost_after) return;
  for (const auto& [fd, peer] : peers_) give_up_after(fd, lost_after);
}

}  // namespace tasker::talk
