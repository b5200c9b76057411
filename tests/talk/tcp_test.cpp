#include "talk/tcp.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <string>

namespace tasker::talk {
namespace {

using How = ListenAt::How;

TEST_CASE("An address is written as people do, and nothing else is one") {
  CHECK(to_text(*parse_address("10.1.2.3:4711")) == "10.1.2.3:4711");
  for (const char* const text : {"", ":", "10.1.2.3", "10.1.2.3:", "10.1.2.3:0", "10.1.2.3:65536", "10.1.2:1",
                                 "10.1.2.3:-1", "10.1.2.3:1x", "node1:80", "10.1.2.3:1:2", "10.1.2.3:+1"})
    CHECK_FALSE(parse_address(text));
}

TEST_CASE("Where to listen is a word, an address or an interface, with one port or several") {
  CHECK(parse_listen_at("")->how == How::automatic);
  CHECK(parse_listen_at("off")->how == How::off);
  CHECK(parse_listen_at("unix")->how == How::unix_socket);
  const auto at = parse_listen_at("eth0:4000-4010");
  REQUIRE(at);
  CHECK(at->how == How::tcp);
  CHECK(at->where == "eth0");
  CHECK(at->first_port == 4000);
  CHECK(at->last_port == 4010);
  CHECK(parse_listen_at("10.0.0.1")->first_port == 0);
  CHECK(parse_listen_at("10.0.0.1:5000")->last_port == 5000);
  for (const char* const text :
       {":", ":4000", "eth0:", "eth0:x", "eth0:2-1", "eth0:1-", "eth0:0", "eth0:70000"})
    CHECK_FALSE(parse_listen_at(text));
}

TEST_CASE("A listener takes the next free port of those that are given") {
  const Listener first(ListenAt{How::tcp, "127.0.0.1"});
  const std::string address = first.addresses().at(0);
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
  CHECK_THROWS_AS(Listener(ListenAt{How::tcp, "lo", port, port}), SystemError);
  const Listener second(
      ListenAt{How::tcp, "lo", port, static_cast<std::uint16_t>(std::min(port + 20, 65535))});
  CHECK(second.addresses().at(0) != address);
}

TEST_CASE("A listener everywhere tells no address that leads nowhere") {
  const auto addresses = Listener(ListenAt{}).addresses();
  REQUIRE_FALSE(addresses.empty());
  for (const std::string& address : addresses) CHECK(parse_address(address));
  CHECK(addresses.back().starts_with("127.0.0.1:"));
  CHECK_THROWS_AS(Listener(ListenAt{How::tcp, "no-such-interface"}), UsageError);
}

}  // namespace
}  // namespace tasker::talk
