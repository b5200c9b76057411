#include "talk/host.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>

namespace tasker::talk {

bool Place::same_host(const Place& other) const {
  return boot_id[0] != '\0' && network_inode != 0 && boot_id == other.boot_id &&
         network_device == other.network_device && network_inode == other.network_inode;
}

Place here() {
  Place place;
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
  std::copy_n(id.begin(), std::min(id.size(), place.boot_id.size()), place.boot_id.begin());
  struct stat network {};
  if (stat("/proc/self/ns/net", &network) == 0) {
    place.network_device = network.st_dev;
    place.network_inode = network.st_ino;
  }
  return place;
}

sockaddr_in ipv4(in_addr_t address, in_port_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = address;
  out.sin_port = port;
  return out;
}

sockaddr_in bound_address(int socket) {
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size);
  return bound;
}

std::vector<Interface> interfaces() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(first, &freeifaddrs);
  std::vector<Interface> found;
  for (const ifaddrs* i = first; i != nullptr && found.size() < most_interfaces; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_netmask == nullptr || i->ifa_addr->sa_family != AF_INET) continue;
    if ((i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_LOOPBACK) != 0) continue;
    found.push_back({reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr.s_addr,
                     reinterpret_cast<const sockaddr_in*>(i->ifa_netmask)->sin_addr.s_addr});
  }
  return found;
}

std::vector<in_addr_t> routes(std::span<const Interface> ours, std::span<const Interface> theirs) {
  std::vector<in_addr_t> shared;
  std::vector<in_addr_t> all;
  for (const Interface& their : theirs) {
    const auto is_theirs = [&](const Interface& our) { return our.address == their.address; };
    const auto is_near = [&](const Interface& our) {
      return our.mask == their.mask && (our.address & our.mask) == (their.address & their.mask);
    };
    if (std::ranges::any_of(ours, is_theirs)) continue;
    all.push_back(their.address);
    if (std::ranges::any_of(ours, is_near)) shared.push_back(their.address);
  }
  return shared.empty() ? all : shared;
}

}  // namespace tasker::talk
