#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tasker::talk {

/// 256 random bits that both ends of a connection know, and nobody else. A password is no key: whoever has
/// recorded a handshake could guess it.
struct Key {
  std::array<unsigned char, 32> bytes{};
};
/// Throws SystemError.
Key make_key();
/// 64 hexadecimal digits.
std::string to_hex(const Key& key);
/// The reverse; nothing if `text` is not exactly 64 hexadecimal digits.
std::optional<Key> key_from_hex(std::string_view text);

enum class Role { connects, listens };

/// How the two ends of a connection prove to each other that they have the same key, and agree on keys for
/// this connection alone: who gets the key later can't read what was said before. Each message has a fixed
/// size.
///
/// The listening end says nothing to strangers, but for a reply to somebody who repeats a recorded hello.
class Handshake {
 public:
  /// Throws SystemError.
  Handshake(Role role, const Key& key);
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;
  /// Leaves no key in memory.
  ~Handshake();

  /// The first message of the end that connects; empty for the other.
  std::string begin();
  bool is_done() const { return next_ == Next::nothing; }
  /// The size of the other end's next message; 0 when the handshake is done.
  std::size_t next_size() const;
  /// Takes the other end's next message, of `next_size()` bytes, and returns what is to be said then, if
  /// anything. Throws DamagedError if the message does not prove that the other end has the key: then the
  /// handshake has failed for good.
  std::string answer(std::string_view message);

  /// One for each direction: what one end sends with, the other receives with.
  struct Keys {
    std::array<unsigned char, 32> sending{};
    std::array<unsigned char, 32> receiving{};
  };
  /// Only when the handshake is done.
  const Keys& keys() const { return secret_.keys; }

 private:
  enum class Next { hello, reply, proof, nothing };

  std::string introduction();
  std::string seal(std::string_view label, std::string fields);
  void check(std::string_view label, std::string_view message);
  void make_keys(std::string_view introduction);

  Role role_;
  Next next_;  // what the other end says
  std::string transcript_;
  struct {
    Key key;
    std::array<unsigned char, 32> own{};     // belongs to the public key in this end's introduction
    std::array<unsigned char, 32> agreed{};  // made of one end's own and the other end's public key
    Keys keys;
  } secret_;
};

}  // namespace tasker::talk
