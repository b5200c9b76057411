#include "talk/handshake.hpp"

#include <tasker/error.hpp>

#include <sodium.h>

#include <initializer_list>

// The connecting end says hello, the listening end replies, the connecting end proves. Each message ends in a
// MAC, made with the key, of all that was said so far:
//
//   hello  magic, introduction, MAC     whoever made it has the key, but it may be a repeated one
//   reply  introduction, MAC            the listening end has the key: it has sealed this hello
//   proof  MAC                          the connecting end has the key: it has sealed this reply
//
// An introduction is a nonce and a public key, made for one connection. So neither end believes what is
// repeated from another connection, or from its own mouth. The hello's MAC keeps strangers out: they learn
// nothing, not even that this is Tasker, and cost no more than a hash. That the listening end proves first
// gives nothing away: nobody guesses 256 random bits from a MAC.
namespace tasker::talk {

using namespace std::literals;

namespace {

constexpr auto magic = "tasker channel 1"sv;

using Bytes32 = std::array<unsigned char, 32>;
static_assert(crypto_scalarmult_BYTES == sizeof(Bytes32) && crypto_scalarmult_SCALARBYTES == sizeof(Bytes32));

constexpr std::size_t nonce_size = 32;
constexpr std::size_t introduction_size = nonce_size + crypto_scalarmult_BYTES;
constexpr std::size_t mac_size = sizeof(Bytes32);

/// Any thread may be the first.
void start_sodium() {
  static const bool started = ::sodium_init() >= 0;
  if (!started) throw SystemError("libsodium can't start: the system gives no random numbers");
}

const unsigned char* start_of(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string_view text_of(const Bytes32& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Keyed BLAKE2b. The first part is a label. No label begins with another, and what follows a label has a
/// fixed layout: so hashes that mean different things are of different bytes.
void keyed_hash(Bytes32& hash, const Key& key, std::initializer_list<std::string_view> parts) {
  crypto_generichash_state state;
  ::crypto_generichash_init(&state, key.bytes.data(), key.bytes.size(), hash.size());
  for (const auto part : parts) ::crypto_generichash_update(&state, start_of(part), part.size());
  ::crypto_generichash_final(&state, hash.data(), hash.size());
}

}  // namespace

Key make_key() {
  start_sodium();
  Key key;
  ::randombytes_buf(key.bytes.data(), key.bytes.size());
  return key;
}

std::string to_hex(const Key& key) {
  std::string text(2 * key.bytes.size(), '\0');
  ::sodium_bin2hex(text.data(), text.size() + 1, key.bytes.data(), key.bytes.size());
  return text;
}

std::optional<Key> key_from_hex(std::string_view text) {
  Key key;
  if (text.size() != 2 * key.bytes.size() || ::sodium_hex2bin(key.bytes.data(), key.bytes.size(), text.data(),
                                                              text.size(), nullptr, nullptr, nullptr) != 0)
    return std::nullopt;
  return key;
}

Handshake::Handshake(Role role, const Key& key)
    : role_(role), next_(role == Role::connects ? Next::reply : Next::hello), secret_{key, {}, {}, {}} {
  start_sodium();
}

Handshake::~Handshake() { ::sodium_memzero(&secret_, sizeof secret_); }

std::string Handshake::begin() {
  if (role_ == Role::listens) return {};
  return seal("hello", std::string(magic) + introduction());
}

std::size_t Handshake::next_size() const {
  switch (next_) {
    case Next::hello: return magic.size() + introduction_size + mac_size;
    case Next::reply: return introduction_size + mac_size;
    case Next::proof: return mac_size;
    case Next::nothing: break;
  }
  return 0;
}

std::string Handshake::answer(std::string_view message) {
  std::string answer;
  switch (next_) {
    case Next::hello:
      if (!message.starts_with(magic))
        throw DamagedError(
            "the other end of a connection is no Tasker, or one of another version; use one version at both "
            "ends");
      check("hello", message);
      answer = seal("reply", introduction());
      make_keys(message.substr(magic.size()));
      next_ = Next::proof;
      break;
    case Next::reply:
      check("reply", message);
      make_keys(message);
      answer = seal("proof", {});
      next_ = Next::nothing;
      break;
    case Next::proof:
      check("proof", message);
      next_ = Next::nothing;
      break;
    case Next::nothing: break;
  }
  return answer;
}

std::string Handshake::introduction() {
  std::string text(introduction_size, '\0');
  ::randombytes_buf(text.data(), nonce_size);
  ::randombytes_buf(secret_.own.data(), secret_.own.size());
  ::crypto_scalarmult_base(reinterpret_cast<unsigned char*>(text.data()) + nonce_size, secret_.own.data());
  return text;
}

/// The message of these fields; from now on it has been said.
std::string Handshake::seal(std::string_view label, std::string fields) {
  transcript_ += fields;
  Bytes32 mac;
  keyed_hash(mac, secret_.key, {label, transcript_});
  transcript_ += text_of(mac);
  return fields.append(text_of(mac));
}

/// Throws unless the other end's message was sealed with the key, after all that both ends have said before.
void Handshake::check(std::string_view label, std::string_view message) {
  const std::string_view fields = message.substr(0, message.size() - mac_size);
  transcript_ += fields;
  Bytes32 mac;
  keyed_hash(mac, secret_.key, {label, transcript_});
  if (::sodium_memcmp(mac.data(), start_of(message) + fields.size(), mac_size) != 0)
    throw DamagedError(
        "the other end of a connection does not prove that it has the same key; give both ends the same one");
  transcript_ += text_of(mac);
}

/// Makes the keys when hello and reply have been said, the other end's beginning with `introduction`.
void Handshake::make_keys(std::string_view introduction) {
  // Some public keys make it 0, whatever this end's secret is.
  if (::crypto_scalarmult(secret_.agreed.data(), secret_.own.data(), start_of(introduction) + nonce_size) !=
      0)
    throw DamagedError("the other end of a connection offers a public key with which nothing stays secret");
  Keys& keys = secret_.keys;
  const bool connects = role_ == Role::connects;
  const auto make = [&](Bytes32& key, std::string_view label) {
    keyed_hash(key, secret_.key, {label, text_of(secret_.agreed), transcript_});
  };
  make(connects ? keys.sending : keys.receiving, "connecting");
  make(connects ? keys.receiving : keys.sending, "listening");
  ::sodium_memzero(secret_.own.data(), sizeof secret_.own);
  ::sodium_memzero(secret_.agreed.data(), sizeof secret_.agreed);
}

}  // namespace tasker::talk
