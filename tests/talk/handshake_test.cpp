#include "talk/handshake.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tasker::talk {
namespace {

using namespace std::literals;
using Bytes32 = std::array<unsigned char, 32>;

const unsigned char* as_unsigned(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// The hash that the handshake is made of, once more.
std::string hash(const Key& key, std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const auto part : parts) all += part;
  Bytes32 hash;
  ::crypto_generichash(hash.data(), hash.size(), as_unsigned(all), all.size(), key.bytes.data(),
                       key.bytes.size());
  return {hash.begin(), hash.end()};
}

TEST_CASE("A key is read as it is written, and nothing else is") {
  Key key;
  for (std::size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = static_cast<unsigned char>(i * 8);
  const std::string text = "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8";
  CHECK(to_hex(key) == text);
  REQUIRE(key_from_hex(text));
  CHECK(key_from_hex(text)->bytes == key.bytes);
  for (const std::string& wrong : {""s, "00"s, text + "00", text.substr(2), text.substr(1) + "g",
                                   " " + text.substr(1), text.substr(1) + '\0', text.substr(2) + " 0"}) {
    INFO(wrong);
    CHECK_FALSE(key_from_hex(wrong));
  }
}

TEST_CASE("Random keys differ") { CHECK(make_key().bytes != make_key().bytes); }

TEST_CASE("Both ends make the same keys, one for each direction, and others each time") {
  const Key key = make_key();
  std::vector<Bytes32> keys;
  for (int i = 0; i < 2; ++i) {
    Handshake connecting(Role::connects, key);
    Handshake listening(Role::listens, key);
    const std::string reply = listening.answer(connecting.begin());
    CHECK(listening.answer(connecting.answer(reply)).empty());
    REQUIRE(connecting.is_done());
    REQUIRE(listening.is_done());
    CHECK(connecting.keys().sending == listening.keys().receiving);
    CHECK(connecting.keys().receiving == listening.keys().sending);
    keys.push_back(connecting.keys().sending);
    keys.push_back(connecting.keys().receiving);
  }
  for (std::size_t i = 0; i < keys.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(keys[i] != keys[j]);
}

TEST_CASE("No nonce and no public key is used twice") {
  const Key key = make_key();
  std::set<std::string> used;
  for (int i = 0; i < 2; ++i) {
    const std::string hello = Handshake(Role::connects, key).begin().substr(16);
    const std::string reply = Handshake(Role::listens, key).answer("tasker channel 1" + hello);
    for (const std::string& message : {hello, reply})
      used.insert({message.substr(0, 32), message.substr(32, 32)});
  }
  CHECK(used.size() == 8);
}

// Programs of different versions meet: what changes here needs a new magic.
TEST_CASE("A handshake is what it was when the first one was made") {
  const Key key = make_key();
  Handshake listening(Role::listens, key);
  const Bytes32 own = make_key().bytes;
  Bytes32 open;
  ::crypto_scalarmult_base(open.data(), own.data());

  std::string said = "tasker channel 1" + std::string(32, 'n') + std::string(open.begin(), open.end());
  said += hash(key, {"hello", said});
  const std::string reply = listening.answer(said);
  REQUIRE(reply.size() == 96);
  said += reply.substr(0, 64);
  REQUIRE(reply.substr(64) == hash(key, {"reply", said}));
  said += reply.substr(64);
  CHECK_FALSE(listening.is_done());
  CHECK(listening.answer(hash(key, {"proof", said})).empty());
  REQUIRE(listening.is_done());

  Bytes32 agreed;
  REQUIRE(::crypto_scalarmult(agreed.data(), own.data(), as_unsigned(reply) + 32) == 0);
  const std::string secret(agreed.begin(), agreed.end());
  const auto equal = [](const Bytes32& made, const std::string& expected) {
    return std::equal(made.begin(), made.end(), as_unsigned(expected));
  };
  CHECK(equal(listening.keys().receiving, hash(key, {"connecting", secret, said})));
  CHECK(equal(listening.keys().sending, hash(key, {"listening", secret, said})));
}

TEST_CASE("A public key with which nothing stays secret is refused, even from somebody who has the key") {
  const Key key = make_key();
  for (const char first : {'\0', '\1'}) {
    Handshake listening(Role::listens, key);
    std::string hello = "tasker channel 1" + std::string(32, 'n') + first + std::string(31, '\0');
    hello += hash(key, {"hello", hello});
    CHECK_THROWS_WITH(listening.answer(hello), Catch::Contains("nothing stays secret"));
    CHECK_FALSE(listening.is_done());

    Handshake connecting(Role::connects, key);
    std::string said = connecting.begin();
    std::string reply = std::string(32, 'n') + first + std::string(31, '\0');
    reply += hash(key, {"reply", said + reply});
    CHECK_THROWS_WITH(connecting.answer(reply), Catch::Contains("nothing stays secret"));
    CHECK_FALSE(connecting.is_done());
  }
}

TEST_CASE("Who speaks another version is told so") {
  const Key key = make_key();
  Handshake listening(Role::listens, key);
  std::string hello = "tasker channel 2" + std::string(64, 'n');
  hello += hash(key, {"hello", hello});
  CHECK_THROWS_WITH(listening.answer(hello), Catch::Contains("another version"));
}

}  // namespace
}  // namespace tasker::talk
