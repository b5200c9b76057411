#include "cluster/report.hpp"

#include <arpa/inet.h>
#include <catch2/catch.hpp>

#include <string>

namespace tasker::cluster {
namespace {

TEST_CASE("The launcher's address travels as text") {
  const LauncherAddress address{
      {::inet_addr("10.0.0.1"), ::inet_addr("192.168.7.255")}, htons(40123), {1, 255}};
  const std::string text = address.to_string();
  CHECK(text.starts_with("10.0.0.1,192.168.7.255:40123:"));
  const auto parsed = LauncherAddress::parse(text);
  REQUIRE(parsed);
  CHECK(parsed->addresses == address.addresses);
  CHECK(parsed->port == address.port);
  CHECK(parsed->secret == address.secret);
}

TEST_CASE("Any other text leads to no launcher") {
  const std::string secret = ":000102030405060708090a0b0c0d0e0f";
  REQUIRE(LauncherAddress::parse("10.0.0.1:1" + secret));
  for (const std::string& text :
       {std::string(), std::string(":"), std::string("::"), "10.0.0.1" + secret, "10.0.0:1" + secret,
        "10.0.0.1:65536" + secret, "10.0.0.1:-1" + secret, "10.0.0.1:1x" + secret, "10.0.0.1:" + secret,
        ",10.0.0.1:1" + secret, "10.0.0.1:1" + secret + "0", std::string("10.0.0.1:1:")})
    CHECK_FALSE(LauncherAddress::parse(text));
}

TEST_CASE("A last word is an exit code, as the system cuts it, and whether ranks were lost") {
  for (const int code : {0, 1, 75, 255})
    for (const bool lost : {false, true}) {
      const auto word = LastWord::from_number(LastWord{code, lost, !lost, lost}.to_number());
      CHECK(word.exit_code == code);
      CHECK(word.lost_ranks == lost);
      CHECK(word.has_met == !lost);
    }
  CHECK(LastWord::from_number(LastWord{256 + 7, false, false}.to_number()).exit_code == 7);
  CHECK(LastWord::from_number(LastWord{-1, false, false}.to_number()).exit_code == 255);
}

}  // namespace
}  // namespace tasker::cluster
