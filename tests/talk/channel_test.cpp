#include "talk/channel.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tasker::talk {
namespace {

constexpr std::size_t hello_end = 112;
constexpr std::size_t proof_end = hello_end + 32;
constexpr std::size_t reply_end = 96;
constexpr std::size_t stream_header = 24;
constexpr std::size_t around_part = 2 + 17;

/// Takes all that the channel wants to send.
std::string said_by(Channel& channel) { return std::exchange(channel.to_send(), {}); }

/// The two ends, and nobody between them but the test.
struct Ends {
  Key key = make_key();
  Channel connecting{Role::connects, key};
  Channel listening{Role::listens, key};

  /// Carries all that either end says, `piece` bytes at a time.
  void carry(std::size_t piece = std::string::npos) {
    while (!connecting.to_send().empty() || !listening.to_send().empty()) {
      carry(connecting, listening, piece);
      carry(listening, connecting, piece);
    }
  }

 private:
  static void carry(Channel& from, Channel& to, std::size_t piece) {
    const std::string bytes = said_by(from);
    for (std::size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at))
      to.receive(std::string_view(bytes).substr(at, piece));
  }
};

struct OpenEnds : Ends {
  OpenEnds() { carry(); }
};

/// Nothing is said to the other end any more, and nothing believed.
void check_refused(Channel& channel) {
  CHECK_FALSE(channel.is_open());
  CHECK_THROWS_AS(channel.receive("more"), DamagedError);
  CHECK_THROWS_AS(channel.send("more"), DamagedError);
}

std::string flipped_at(std::string bytes, std::size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
  return bytes;
}

std::string text_of_size(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  return text;
}

TEST_CASE("Both ends of a channel hear what the other end says, of every size") {
  OpenEnds ends;
  CHECK(ends.connecting.is_open());
  CHECK(ends.listening.is_open());
  for (const std::size_t size : {0U, 1U, 2U, 65'535U, 65'536U, 65'537U, 131'072U, 10'000'000U}) {
    INFO(size << " bytes");
    const std::string text = text_of_size(size);
    ends.connecting.send(text);
    ends.listening.send(text + "!");
    ends.carry();
    CHECK((ends.listening.received() == text));
    CHECK((ends.connecting.received() == text + "!"));
    ends.connecting.received().clear();
    ends.listening.received().clear();
  }
}

TEST_CASE("A channel does not care how its bytes are cut") {
  for (const std::size_t piece : {1U, 2U, 3U, 50U, 65'555U, 65'556U}) {
    INFO(piece << " bytes at a time");
    Ends ends;
    ends.carry(piece);
    REQUIRE(ends.connecting.is_open());
    REQUIRE(ends.listening.is_open());
    const std::string text = text_of_size(140'000);
    ends.connecting.send("a");
    ends.connecting.send(text);
    ends.listening.send("b");
    ends.carry(piece);
    CHECK((ends.listening.received() == "a" + text));
    CHECK(ends.connecting.received() == "b");
  }
}

TEST_CASE("What is said on a channel can't be read, and looks different each time") {
  const std::string text = text_of_size(1000);
  std::vector<std::string> said;
  for (int i = 0; i < 2; ++i) {
    OpenEnds ends;
    ends.connecting.send(text);
    ends.connecting.send(text);
    ends.listening.send(text);
    said.push_back(said_by(ends.connecting));
    said.push_back(said.back().substr(said.back().size() / 2));
    said.push_back(said_by(ends.listening));
  }
  for (std::size_t i = 0; i < said.size(); ++i) {
    CHECK(said[i].find(text.substr(0, 8)) == std::string::npos);
    for (std::size_t j = 0; j < i; ++j) CHECK(said[i].substr(2, 8) != said[j].substr(2, 8));
  }
}

TEST_CASE("The connecting end may speak as soon as the listening end has proved the key") {
  Ends ends;
  CHECK_THROWS_AS(ends.connecting.send("too early"), std::logic_error);
  ends.listening.receive(said_by(ends.connecting));
  CHECK_FALSE(ends.listening.is_open());
  CHECK_THROWS_AS(ends.listening.send("too early"), std::logic_error);
  ends.connecting.receive(said_by(ends.listening));
  REQUIRE(ends.connecting.is_open());
  ends.connecting.send("at once");
  ends.listening.receive(said_by(ends.connecting));
  CHECK(ends.listening.received() == "at once");
}

TEST_CASE("A channel answers nobody who has another key") {
  Channel stranger(Role::connects, make_key());
  Channel listening(Role::listens, make_key());
  CHECK_THROWS_AS(listening.receive(said_by(stranger)), DamagedError);
  CHECK(listening.to_send().empty());
  check_refused(listening);
}

TEST_CASE("A channel does not believe who listens with another key") {
  Ends ends;
  Ends strangers;
  strangers.listening.receive(said_by(strangers.connecting));
  CHECK(said_by(ends.connecting).size() == hello_end);
  CHECK_THROWS_AS(ends.connecting.receive(said_by(strangers.listening)), DamagedError);
  CHECK(ends.connecting.to_send().empty());
  check_refused(ends.connecting);
}

TEST_CASE("A handshake with a changed byte is refused, wherever it is") {
  const auto to_listening = [](std::size_t at) {
    Ends ends;
    std::string said = said_by(ends.connecting);
    REQUIRE(said.size() == hello_end);
    if (at >= hello_end) {
      ends.listening.receive(said);
      ends.connecting.receive(said_by(ends.listening));
      said = said_by(ends.connecting).substr(0, proof_end - hello_end);
      at -= hello_end;
    }
    CHECK_THROWS_AS(ends.listening.receive(flipped_at(said, at)), DamagedError);
    CHECK(ends.listening.to_send().empty());
    check_refused(ends.listening);
  };
  const auto to_connecting = [](std::size_t at) {
    Ends ends;
    ends.listening.receive(said_by(ends.connecting));
    const std::string said = said_by(ends.listening);
    REQUIRE(said.size() == reply_end);
    CHECK_THROWS_AS(ends.connecting.receive(flipped_at(said, at)), DamagedError);
    CHECK(ends.connecting.to_send().empty());
    check_refused(ends.connecting);
  };
  for (std::size_t at = 0; at < proof_end; ++at) {
    INFO("byte " << at << " to the listening end");
    to_listening(at);
  }
  for (std::size_t at = 0; at < reply_end; ++at) {
    INFO("byte " << at << " to the connecting end");
    to_connecting(at);
  }
}

TEST_CASE("Of a stream with a changed byte nothing is heard from there on") {
  const std::string texts[] = {"first", "second", "third"};
  const std::size_t part_size = texts[1].size() + around_part;
  const std::size_t second = stream_header + texts[0].size() + around_part;
  for (std::size_t at = 0; at < second + part_size; ++at) {
    INFO("byte " << at);
    Ends ends;
    ends.listening.receive(said_by(ends.connecting));
    ends.connecting.receive(said_by(ends.listening));
    ends.listening.receive(said_by(ends.connecting));
    for (const auto& text : texts) ends.listening.send(text);
    const std::string heard_before = at < second ? "" : "first";
    // A false length makes it wait for bytes that don't belong to the part.
    const std::string end(std::size_t{1} << 16, 'x');
    CHECK_THROWS_AS(ends.connecting.receive(flipped_at(said_by(ends.listening), at) + end), DamagedError);
    CHECK(ends.connecting.received() == heard_before);
    check_refused(ends.connecting);
  }
}

TEST_CASE("A part that is repeated, left out, exchanged, cut or not all there is not heard") {
  OpenEnds ends;
  std::vector<std::string> parts;
  for (const auto* text : {"first", "other", "third"}) {
    ends.connecting.send(text);
    parts.push_back(said_by(ends.connecting));
  }
  const auto refuses = [&](const std::string& bytes) {
    CHECK_THROWS_AS(ends.listening.receive(bytes), DamagedError);
    check_refused(ends.listening);
    return ends.listening.received();
  };
  SECTION("repeated") { CHECK(refuses(parts[0] + parts[0]) == "first"); }
  SECTION("left out") { CHECK(refuses(parts[0] + parts[2]) == "first"); }
  SECTION("exchanged") { CHECK(refuses(parts[1] + parts[0]).empty()); }
  SECTION("cut") { CHECK(refuses(parts[0].substr(0, parts[0].size() - 1) + parts[1]).empty()); }
  SECTION("not all there") {
    ends.listening.receive(parts[0].substr(0, parts[0].size() - 1));
    CHECK(ends.listening.received().empty());
    ends.listening.receive(parts[0].substr(parts[0].size() - 1));
    CHECK(ends.listening.received() == "first");
  }
  SECTION("said back") {
    CHECK_THROWS_AS(ends.connecting.receive(parts[0]), DamagedError);
    CHECK(ends.connecting.received().empty());
  }
}

TEST_CASE("An end does not believe its own hello or reply, nor another end of its own kind") {
  Ends ends;
  const std::string hello = said_by(ends.connecting);
  SECTION("its own hello") { CHECK_THROWS_AS(ends.connecting.receive(hello), DamagedError); }
  SECTION("another hello") {
    Channel other(Role::connects, ends.key);
    CHECK_THROWS_AS(ends.connecting.receive(said_by(other)), DamagedError);
  }
  SECTION("its own reply") {
    ends.listening.receive(hello);
    CHECK_THROWS_AS(ends.listening.receive(said_by(ends.listening)), DamagedError);
  }
  SECTION("a hello instead of a proof") {
    ends.listening.receive(hello);
    CHECK_THROWS_AS(ends.listening.receive(hello), DamagedError);
  }
  CHECK_FALSE(ends.connecting.is_open());
  CHECK_FALSE(ends.listening.is_open());
}

TEST_CASE("Who repeats a recorded connection gets a reply, and is refused") {
  Ends ends;
  std::string to_listening;
  std::string to_connecting;
  while (!ends.connecting.is_open() || !ends.listening.is_open()) {
    to_listening += ends.connecting.to_send();
    ends.listening.receive(said_by(ends.connecting));
    to_connecting += ends.listening.to_send();
    ends.connecting.receive(said_by(ends.listening));
  }
  ends.connecting.send("do something");
  to_listening += said_by(ends.connecting);

  Channel listening(Role::listens, ends.key);
  CHECK_THROWS_AS(listening.receive(to_listening), DamagedError);
  CHECK(listening.received().empty());
  CHECK(listening.to_send().size() == reply_end);
  check_refused(listening);

  Channel connecting(Role::connects, ends.key);
  CHECK_THROWS_AS(connecting.receive(to_connecting), DamagedError);
  CHECK(connecting.received().empty());
  CHECK(connecting.to_send().size() == hello_end);
  check_refused(connecting);
}

TEST_CASE("Nonsense is refused as soon as a hello or a reply would be whole") {
  for (const Role role : {Role::connects, Role::listens}) {
    for (const std::string& nonsense :
         {std::string(1000, '\0'), std::string(1000, '\xff'), text_of_size(1000)}) {
      Channel channel(role, make_key());
      said_by(channel);
      const std::size_t whole = role == Role::listens ? hello_end : reply_end;
      channel.receive(nonsense.substr(0, whole - 1));
      CHECK_THROWS_AS(channel.receive(nonsense.substr(whole - 1, 1)), DamagedError);
      CHECK(channel.to_send().empty());
      check_refused(channel);
    }
  }
}

}  // namespace
}  // namespace tasker::talk
