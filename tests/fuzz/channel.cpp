// Somebody between the two ends of a channel, without the key: the bytes are what he does. He carries what
// the ends say, cuts, drops, changes and repeats it, also on later connections, and adds bytes of his own.
#include "talk/channel.hpp"

#include "fuzz/fuzz.hpp"

#include <cstdlib>
#include <optional>
#include <utility>

namespace tasker::fuzz {

namespace {

using talk::Role;

constexpr std::size_t most_said = std::size_t{1} << 18;
constexpr int most_connections = 8;

const talk::Key& key() {
  static const talk::Key key = talk::make_key();
  return key;
}

struct End {
  explicit End(Role role) : channel(role, key()), handshake_size(role == Role::connects ? 96 : 144) {}

  talk::Channel channel;
  std::size_t handshake_size;  // of what this end must hear before it opens
  bool refused = false;
  std::string plain;       // what this end has said
  std::string encrypted;   // the same, as it left
  std::string on_the_way;  // the part of that which has not arrived
  std::string arrived;     // from anybody
};

struct Connection {
  End connecting{Role::connects};
  End listening{Role::listens};
};

class Stranger {
 public:
  Stranger() { connect(); }

  /// Does one thing, at the listening end for an even byte, at the connecting end for an odd one. False if
  /// that is enough. Throws DamagedError at the end of the script.
  bool act(detail::Reader& script) {
    const auto what = script.number<std::uint8_t>();
    End& to = what % 2 == 0 ? connection_->listening : connection_->connecting;
    End& from = what % 2 == 0 ? connection_->connecting : connection_->listening;
    switch (what / 2) {
      case 'b' / 2: hear(to, from, std::exchange(from.on_the_way, {})); break;
      case 'd' / 2: hear(to, from, cut(from.on_the_way, script)); break;
      case 'f' / 2: cut(from.on_the_way, script); break;
      case 'h' / 2: change(from.on_the_way, script); break;
      case 'j' / 2: hear(to, from, repeat(script)); break;
      case 'l' / 2: hear(to, from, std::string(script.bytes(script.number<std::uint8_t>()))); break;
      case 'n' / 2: hear(to, from, std::string(script.bytes(script.left().size()))); break;
      case 'p' / 2: say(from, script.number<std::uint16_t>()); break;
      case 'r' / 2: return connect();
      default: break;
    }
    return true;
  }

 private:
  bool connect() {
    connection_.emplace();
    collect(connection_->connecting);
    return ++connections_ <= most_connections;
  }

  void collect(End& end) {
    const std::string bytes = std::exchange(end.channel.to_send(), {});
    end.encrypted += bytes;
    end.on_the_way += bytes;
    recorded_ += bytes;
  }

  void say(End& end, std::size_t size) {
    if (!end.channel.is_open() || end.plain.size() + size > most_said) return;
    const std::string text(size, static_cast<char>('a' + end.plain.size() % 26));
    end.channel.send(text);
    end.plain += text;
    collect(end);
  }

  static std::string cut(std::string& bytes, detail::Reader& script) {
    const auto size = std::min<std::size_t>(script.number<std::uint16_t>(), bytes.size());
    std::string front = bytes.substr(0, size);
    bytes.erase(0, size);
    return front;
  }

  static void change(std::string& bytes, detail::Reader& script) {
    const auto at = script.number<std::uint16_t>();
    const auto mask = script.number<std::uint8_t>();
    if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ mask);
  }

  std::string repeat(detail::Reader& script) const {
    const auto at = script.number<std::uint16_t>();
    const auto size = script.number<std::uint16_t>();
    return at < recorded_.size() ? recorded_.substr(at, size) : std::string();
  }

  /// Whatever arrives, an end believes only what the other end has said on this connection, in order.
  void hear(End& end, const End& other, const std::string& bytes) {
    end.arrived += bytes;
    const bool accepted = accepts([&] { end.channel.receive(bytes); });
    if (end.refused && accepted) std::abort();
    end.refused = !accepted;
    if (end.refused && end.channel.is_open()) std::abort();
    if (!other.plain.starts_with(end.channel.received())) std::abort();
    const std::string proof = other.encrypted.substr(0, end.handshake_size);
    if (end.channel.is_open() && !end.arrived.starts_with(proof)) std::abort();
    collect(end);
  }

  std::optional<Connection> connection_;
  int connections_ = 0;
  std::string recorded_;  // all that both ends have said on all connections
};

}  // namespace

void use(std::string_view input) {
  Stranger stranger;
  detail::Reader script(input);
  accepts([&] {
    while (stranger.act(script)) {
    }
  });
}

void repair(std::string&) {}  // whatever the bytes are, the ends make the MACs

}  // namespace tasker::fuzz
