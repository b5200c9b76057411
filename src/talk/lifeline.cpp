#include "talk/lifeline.hpp"

#include "base/file.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>

namespace tasker::talk {

using namespace std::chrono_literals;

namespace {

constexpr int backlog = 4096;
constexpr auto patience_to_connect = 5s;
/// Connections besides those that are expected: strangers'.
constexpr std::size_t most_strangers = 256;
/// Files of a process besides its connections.
constexpr std::size_t other_files = 256;

// What is said: the secret and a number, and in the end the last word.
constexpr std::size_t hello_size = sizeof(Secret) + sizeof(std::uint32_t);
constexpr std::size_t all_size = hello_size + sizeof(std::uint32_t);

/// The files of all lifelines, a bit for each. A child that is forked and goes on without exec would keep the
/// connections open, and nobody would hear of this process's death: it closes them first. Other threads may
/// be at anything when a process is forked, so this needs neither a lock nor memory.
constexpr std::size_t most_files = std::size_t{1} << 16;  // any above stay open in a child
std::array<std::atomic<std::uint64_t>, most_files / 64> own_files;

/// Not if it was closed in a fork: by now its number may be another file's.
void close_own(int fd) {
  const auto place = static_cast<std::size_t>(fd);
  const std::uint64_t bit = std::uint64_t{1} << place % 64;
  if (place >= most_files || (own_files[place / 64].fetch_and(~bit) & bit) != 0) ::close(fd);
}

void close_all_own() {
  for (std::size_t word = 0; word < own_files.size(); ++word)
    while (const std::uint64_t bits = own_files[word])
      close_own(static_cast<int>(64 * word) + std::countr_zero(bits));
}

[[maybe_unused]] const int registered = ::pthread_atfork(nullptr, nullptr, close_all_own);

/// The file, which close_own is to close; if it is one at all.
int own(int fd) {
  const auto place = static_cast<std::size_t>(fd);
  if (place < most_files) own_files[place / 64] |= std::uint64_t{1} << place % 64;
  return fd;
}

int open_socket() {
  const int fd = own(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd < 0) base::throw_errno("create", "a TCP socket");
  return fd;
}

void set_option(int fd, int level, int option, int value) {
  // One that the kernel does not have makes it notice later.
  (void)::setsockopt(fd, level, option, &value, sizeof value);
}

/// Asks the other host for a sign of life whenever it has been silent for a while, and gives up in time.
void watch(int fd, std::chrono::milliseconds lost_after) {
  const auto seconds = std::max<std::int64_t>(1, lost_after / 1s);
  const auto pause = static_cast<int>(std::max<std::int64_t>(1, seconds / 8));
  const auto most = std::max<std::int64_t>(1, seconds - pause) * 1000;
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 2 * pause);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, pause);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 127);  // the next one decides
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(most));
}

std::string number_bytes(std::uint32_t number) {
  std::string bytes;
  detail::put(bytes, number);
  return bytes;
}

std::uint32_t number_in(std::string_view bytes) { return detail::Reader(bytes).number<std::uint32_t>(); }

/// So few bytes find room, or the connection is dead anyway.
bool send_bytes(int fd, std::string_view bytes) {
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

std::string_view view(const Secret& secret) {
  return {reinterpret_cast<const char*>(secret.data()), secret.size()};
}

/// Whether a connection is made in time; else errno says why.
bool connect_to(int fd, const sockaddr_in& peer) {
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd made{fd, POLLOUT, 0};
  const int ready = ::poll(&made, 1, static_cast<int>(patience_to_connect / 1ms));
  int error = ETIMEDOUT;
  socklen_t size = sizeof error;
  if (ready > 0) ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  errno = error;
  return error == 0;
}

}  // namespace

sockaddr_in ipv4(in_addr_t address, in_port_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = address;
  out.sin_port = port;
  return out;
}

Secret make_secret() {
  Secret secret;
  if (::getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size()))
    base::throw_errno("get", "random bytes");
  return secret;
}

Lifeline::Lifeline(std::span<const in_addr_t> addresses, in_port_t port, const Secret& secret,
                   std::uint32_t number) {
  int error = EHOSTUNREACH;
  for (const in_addr_t address : addresses) {
    fd_ = open_socket();
    watch(fd_, default_lost_after);
    if (connect_to(fd_, ipv4(address, port)) &&
        send_bytes(fd_, std::string(view(secret)) + number_bytes(number)))
      return;
    error = errno;
    close_own(std::exchange(fd_, -1));
  }
  throw SystemError(std::string("cannot connect: ") + std::strerror(error));
}

Lifeline::~Lifeline() {
  if (fd_ >= 0) close_own(fd_);
}

std::optional<std::uint32_t> Lifeline::hear() const {
  char bytes[sizeof(std::uint32_t)];
  if (::recv(fd_, bytes, sizeof bytes, 0) != sizeof bytes) return std::nullopt;
  return number_in({bytes, sizeof bytes});
}

void Lifeline::say(std::uint32_t last_word) const { send_bytes(fd_, number_bytes(last_word)); }

void Lifeline::set_lost_after(std::chrono::milliseconds lost_after) const { watch(fd_, lost_after); }

Lifelines::Lifelines(in_addr_t address, const Secret& secret, std::size_t expected)
    : secret_(secret), most_(expected + most_strangers), listener_(open_socket()) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::max(files.rlim_cur, std::min<rlim_t>(files.rlim_max, most_ + other_files));
  ::setrlimit(RLIMIT_NOFILE, &files);
  const sockaddr_in local = ipv4(address, 0);
  epoll_ = own(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_;
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0 &&
      ::listen(listener_, backlog) == 0 && epoll_ >= 0 &&
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) == 0)
    return;
  const int error = errno;
  close_own(listener_);
  close_own(epoll_);
  errno = error;
  base::throw_errno("listen at", "a TCP socket");
}

Lifelines::~Lifelines() {
  for (const auto& [fd, peer] : peers_) close_own(fd);
  close_own(listener_);
  close_own(epoll_);
}

in_port_t Lifelines::port() const {
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size);
  return bound.sin_port;
}

void Lifelines::accept() {
  for (;;) {
    const int fd = own(::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    // Without files left it would never be silent again: nobody else comes then.
    if (fd < 0 && errno != EAGAIN) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener_, nullptr);
    if (fd < 0) return;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (peers_.size() >= most_ || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      close_own(fd);
      continue;
    }
    watch(fd, lost_after_);
    peers_[fd];
  }
}

/// Takes what has come; false if the connection has ended, or is none of ours.
bool Lifelines::hear(int fd, Peer& peer) {
  char bytes[all_size];
  const ssize_t got = ::recv(fd, bytes, all_size - peer.heard.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) return false;
  peer.heard.append(bytes, static_cast<std::size_t>(got));
  if (!peer.number && peer.heard.size() >= hello_size) {
    const std::string_view heard = peer.heard;
    const std::uint32_t number = number_in(heard.substr(sizeof(Secret)));
    if (!heard.starts_with(view(secret_)) || !fds_.try_emplace(number, fd).second) return false;
    peer.number = number;
  }
  return peer.heard.size() < all_size;
}

std::vector<Lifelines::End> Lifelines::look() {
  std::vector<End> ended;
  epoll_event events[64];
  for (int count = 64; count == 64;) {
    count = ::epoll_wait(epoll_, events, 64, 0);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener_) {
        accept();
        continue;
      }
      Peer& peer = peers_.at(fd);
      if (hear(fd, peer)) continue;
      if (peer.number) {
        const bool said = peer.heard.size() == all_size;
        ended.push_back(
            {*peer.number, said ? std::optional(number_in(peer.heard.substr(hello_size))) : std::nullopt});
        fds_.erase(*peer.number);
      }
      peers_.erase(fd);
      close_own(fd);
    }
  }
  return ended;
}

void Lifelines::say(std::uint32_t last_word) const {
  for (const auto& [number, fd] : fds_) send_bytes(fd, number_bytes(last_word));
}

void Lifelines::set_lost_after(std::chrono::milliseconds lost_after) {
  lost_after_ = lost_after;
  for (const auto& [number, fd] : fds_) watch(fd, lost_after);
}

}  // namespace tasker::talk
