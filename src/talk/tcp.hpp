#pragma once

#include "base/clock.hpp"
#include "talk/unshared.hpp"

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasker::talk {

/// A TCP socket whose calls never wait. Throws SystemError.
UnsharedDescriptor tcp_socket();

/// Has the kernel ask a silent host for a sign of life, and give the connection up after `lost_after`.
void give_up_after(int fd, std::chrono::milliseconds lost_after);

/// Has the kernel send at once what is said, however little it is.
void set_no_delay(int fd);

/// Begins to connect; false if that has failed already. The socket is writable when the attempt has ended:
/// `socket_error` tells how.
bool begin_to_connect(int fd, const sockaddr_in& peer);
/// The error of a socket since the last call, as errno; 0: none.
int socket_error(int fd);

/// As people write an address and a port: "10.1.2.3:4711".
std::string to_text(const sockaddr_in& address);
/// The reverse; nothing for any other text.
std::optional<sockaddr_in> parse_address(std::string_view text);

/// Where a run listens for others: Options::listen.
struct ListenAt {
  enum class How { automatic, off, unix_socket, tcp };
  How how = How::automatic;
  std::string where;  ///< For TCP: an IPv4 address or the name of an interface; empty: all addresses.
  std::uint16_t first_port = 0;  ///< For TCP: the first free one from here to `last_port`; 0: any.
  std::uint16_t last_port = 0;
};
/// Nothing if `text` is no value of Options::listen.
std::optional<ListenAt> parse_listen_at(const std::string& text);

/// A TCP socket that listens.
class Listener {
 public:
  /// Throws SystemError, or UsageError if this host has no such address or interface.
  explicit Listener(const ListenAt& at);

  int fd() const { return fd_.get(); }
  /// Where others may reach it, as text. The last one is where an ssh tunnel to this host would begin.
  std::vector<std::string> addresses() const;

 private:
  UnsharedDescriptor fd_;
};

}  // namespace tasker::talk
