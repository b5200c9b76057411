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

/// Where a process lives, as far as datagrams care: processes with equal places reach each other on loopback.
/// Trivially copyable, to travel as bytes.
struct Place {
  std::array<char, 40> boot_id{};  ///< Of the kernel; empty if unknown.
  std::uint64_t network_device = 0;
  std::uint64_t network_inode = 0;  ///< With the device: the network namespace.

  /// False if either is unknown: then loopback is not to be trusted.
  bool same_host(const Place& other) const;
};

/// The place of this process.
Place here();

/// The addresses of this host that are up, without loopback; at most `limit`.
std::vector<Interface> interfaces(std::size_t limit);

/// Which of a peer's addresses (on another host) to send to: those in a subnet that one of ours is in too; if
/// there is none, all. An address that is also ours (bridges of virtual machines and containers have the same
/// one everywhere) would lead back to ourselves and is left out.
std::vector<in_addr_t> routes(std::span<const Interface> ours, std::span<const Interface> theirs);

}  // namespace tasker::talk
