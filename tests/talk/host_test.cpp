#include "talk/host.hpp"

#include <arpa/inet.h>
#include <catch2/catch.hpp>

#include <vector>

using namespace tasker::talk;

namespace {
Interface interface(const char* address, const char* mask) { return {inet_addr(address), inet_addr(mask)}; }
}  // namespace

TEST_CASE("a peer is rung through a shared subnet") {
  const std::vector<Interface> ours = {interface("10.0.0.5", "255.255.255.0"),
                                       interface("172.17.0.1", "255.255.0.0")};
  const auto near = interface("10.0.0.9", "255.255.255.0");
  const auto far = interface("10.0.1.9", "255.255.255.0");
  const auto bridge = interface("172.17.0.1", "255.255.0.0");  // every host's own
  const auto to = [&](std::vector<Interface> theirs) { return routes(ours, theirs); };
  CHECK(to({far, near, bridge}) == std::vector{near.address});
  CHECK(to({far, bridge}) == std::vector{far.address});
  CHECK(to({bridge}).empty());
  CHECK(to({}).empty());
}

TEST_CASE("only a known and equal place is the same host") {
  const Place place = here();
  CHECK(place.same_host(here()));
  Place other = place;
  other.network_inode += 1;
  CHECK_FALSE(place.same_host(other));
  other = place;
  other.boot_id[0] = 'x';
  CHECK_FALSE(place.same_host(other));
  CHECK_FALSE(Place{}.same_host(Place{}));
}
