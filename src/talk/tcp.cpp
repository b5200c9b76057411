#include "talk/tcp.hpp"

#include "base/file.hpp"
#include "base/units.hpp"
#include "talk/host.hpp"

#include <tasker/error.hpp>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace tasker::talk {

using namespace std::chrono_literals;

namespace {

constexpr int longest_queue = 4096;

void set_option(int fd, int level, int option, int value) {
  // Failures are ignored: without the option a loss is noticed later.
  (void)::setsockopt(fd, level, option, &value, sizeof value);
}

std::optional<in_addr_t> parse_ipv4(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return address.s_addr;
}

/// The address of the interface with this name.
std::optional<in_addr_t> address_of_interface(const std::string& name) {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(first, &freeifaddrs);
  for (const ifaddrs* i = first; i; i = i->ifa_next)
    if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && name == i->ifa_name)
      return reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr.s_addr;
  return std::nullopt;
}

in_addr_t address_of(const std::string& where) {
  if (where.empty()) return INADDR_ANY;
  if (const auto address = parse_ipv4(where)) return *address;
  if (const auto address = address_of_interface(where)) return *address;
  throw UsageError("Options::listen: this host has no address or interface " + where);
}

std::string ipv4_text(in_addr_t address) {
  char text[INET_ADDRSTRLEN];
  const in_addr in{address};
  return ::inet_ntop(AF_INET, &in, text, sizeof text);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = base::parse_number<std::uint16_t>(text);
  return port && *port > 0 ? port : std::nullopt;
}

}  // namespace

UnsharedDescriptor tcp_socket() {
  UnsharedDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) base::throw_errno("create", "a TCP socket");
  return fd;
}

void give_up_after(int fd, std::chrono::milliseconds lost_after) {
  const auto seconds = std::max<std::int64_t>(1, lost_after / 1s);
  const auto pause = static_cast<int>(std::max<std::int64_t>(1, seconds / 8));
  const auto most = std::max<std::int64_t>(1, seconds - pause) * 1000;
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 2 * pause);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, pause);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 127);  // as many as it takes: the next option ends it
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(most));
}

void set_no_delay(int fd) { set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

bool begin_to_connect(int fd, const sockaddr_in& peer) {
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0 || errno == EINPROGRESS;
}

int socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

std::string to_text(const sockaddr_in& address) {
  return ipv4_text(address.sin_addr.s_addr) + ":" + std::to_string(ntohs(address.sin_port));
}

std::optional<sockaddr_in> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto address = parse_ipv4(std::string(text.substr(0, colon)));
  const auto port = parse_port(text.substr(colon + 1));
  if (!address || !port) return std::nullopt;
  return ipv4(*address, htons(*port));
}

std::optional<ListenAt> parse_listen_at(const std::string& text) {
  using How = ListenAt::How;
  if (text.empty()) return ListenAt{};
  if (text == "off") return ListenAt{How::off, {}};
  if (text == "unix") return ListenAt{How::unix_socket, {}};
  const auto colon = text.find(':');
  ListenAt at{How::tcp, text.substr(0, colon)};
  if (at.where.empty()) return std::nullopt;
  if (colon == text.npos) return at;
  const std::string ports = text.substr(colon + 1);
  const auto dash = ports.find('-');
  const auto first = parse_port(ports.substr(0, dash));
  const auto last = dash == ports.npos ? first : parse_port(ports.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  at.first_port = *first;
  at.last_port = *last;
  return at;
}

Listener::Listener(const ListenAt& at) : fd_(tcp_socket()) {
  const in_addr_t address = address_of(at.where);
  set_option(fd(), SOL_SOCKET, SO_REUSEADDR, 1);  // the port of a run that has just ended
  for (std::uint32_t port = at.first_port;; ++port) {
    const sockaddr_in local = ipv4(address, htons(static_cast<std::uint16_t>(port)));
    if (::bind(fd(), reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0 &&
        ::listen(fd(), longest_queue) == 0)
      return;
    if (errno != EADDRINUSE || port >= at.last_port) base::throw_errno("listen at", to_text(local));
  }
}

std::vector<std::string> Listener::addresses() const {
  const sockaddr_in bound = bound_address(fd());
  std::vector<std::string> all;
  if (bound.sin_addr.s_addr != INADDR_ANY)
    all.push_back(to_text(bound));
  else
    for (const Interface& interface : interfaces())
      all.push_back(to_text(ipv4(interface.address, bound.sin_port)));
  const std::string here = to_text(ipv4(htonl(INADDR_LOOPBACK), bound.sin_port));
  if (all.empty() || all.back() != here) all.push_back(here);
  return all;
}

}  // namespace tasker::talk
