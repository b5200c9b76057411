#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tasker::talk {

/// An IPv4 address of this host and the subnet behind it, both in network byte order.
struct Interface {
  in_addr_t address = 0;
  in_addr_t mask = 0;
};

/// The place of a process in the network: processes with equal places reach each other on loopback. Trivially
/// copyable, to travel as bytes.
struct Place {
  std::array<char, 40> boot_id{};  ///< Of the kernel; empty if unknown.
  std::uint64_t network_device = 0;
  std::uint64_t network_inode = 0;  ///< Together with the device it stands for the network namespace.

  /// False if either place is unknown: then loopback is not to be trusted.
  bool same_host(const Place& other) const;
};

/// The place of this process.
Place here();

/// An address as sockets take it; both in network byte order.
sockaddr_in ipv4(in_addr_t address, in_port_t port);
/// The address to which a socket is bound.
sockaddr_in bound_address(int socket);

inline constexpr std::size_t most_interfaces = 8;

/// The addresses of this host that are up, without loopback; at most `most_interfaces`.
std::vector<Interface> interfaces();

/// To which addresses of a peer on another host to send: to those in a subnet that this host is in, too; if
/// there are none, to all. An address that this host also has is left out, for it would lead back here:
/// bridges of virtual machines and containers have the same address everywhere.
std::vector<in_addr_t> routes(std::span<const Interface> ours, std::span<const Interface> theirs);

}  // namespace tasker::talk
