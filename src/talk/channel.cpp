#include "talk/channel.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <sodium.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>

// After the handshake each end sends the header of a secretstream, then parts. A part is its length less one,
// in two bytes, and the encrypted text, whose MAC is for the length, too. No length that can be said is above
// the limit: a false one makes the other end keep 64 KiB, and no more, until it finds out.
namespace tasker::talk {

namespace {

using PartLength = std::uint16_t;
constexpr std::size_t longest_part = std::size_t{std::numeric_limits<PartLength>::max()} + 1;
constexpr std::size_t overhead = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr std::size_t stream_header_size = crypto_secretstream_xchacha20poly1305_HEADERBYTES;
static_assert(sizeof(Handshake::Keys::sending) == crypto_secretstream_xchacha20poly1305_KEYBYTES);

const unsigned char* as_unsigned(const char* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }
unsigned char* as_unsigned(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

}  // namespace

struct Channel::Streams {
  crypto_secretstream_xchacha20poly1305_state sending{};
  crypto_secretstream_xchacha20poly1305_state receiving{};

  Streams() = default;
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  ~Streams() { ::sodium_memzero(this, sizeof *this); }
};

Channel::Channel(Role role, const Key& key)
    : handshake_(std::in_place, role, key), to_send_(handshake_->begin()) {}

Channel::~Channel() = default;

void Channel::receive(std::string_view bytes) {
  if (!refusal_.empty()) throw DamagedError(refusal_);
  try {
    while (!bytes.empty()) {
      if (partial_.empty() && bytes.size() >= next_size(bytes)) {  // mostly: nothing is copied
        const auto next = bytes.substr(0, next_size(bytes));
        take(next);
        bytes.remove_prefix(next.size());
        continue;
      }
      const auto more = bytes.substr(0, next_size(partial_) - partial_.size());
      bytes.remove_prefix(more.size());
      partial_ += more;
      if (partial_.size() < next_size(partial_)) continue;
      take(partial_);
      partial_.clear();
    }
  } catch (const DamagedError& error) {
    refusal_ = error.what();
    handshake_.reset();
    streams_.reset();
    throw;
  }
}

/// The size of what comes next and begins with `front`; that of a part's length as long as it is not all
/// there.
std::size_t Channel::next_size(std::string_view front) const {
  if (handshake_) return handshake_->is_done() ? stream_header_size : handshake_->next_size();
  if (front.size() < sizeof(PartLength)) return sizeof(PartLength);
  return sizeof(PartLength) + detail::Reader(front).number<PartLength>() + 1 + overhead;
}

void Channel::take(std::string_view next) {
  if (!handshake_) return decrypt(next);
  if (handshake_->is_done()) {
    ::crypto_secretstream_xchacha20poly1305_init_pull(&streams_->receiving, as_unsigned(next.data()),
                                                      handshake_->keys().receiving.data());
    handshake_.reset();
    return;
  }
  to_send_ += handshake_->answer(next);
  if (!handshake_->is_done()) return;
  streams_ = std::make_unique<Streams>();
  std::string header(stream_header_size, '\0');
  ::crypto_secretstream_xchacha20poly1305_init_push(&streams_->sending, as_unsigned(header.data()),
                                                    handshake_->keys().sending.data());
  to_send_ += header;
}

void Channel::decrypt(std::string_view part) {
  const auto length = part.substr(0, sizeof(PartLength));
  const auto encrypted = part.substr(sizeof(PartLength));
  const std::size_t before = received_.size();
  received_.resize(before + encrypted.size() - overhead);
  if (::crypto_secretstream_xchacha20poly1305_pull(
          &streams_->receiving, as_unsigned(received_.data() + before), nullptr, nullptr,
          as_unsigned(encrypted.data()), encrypted.size(), as_unsigned(length.data()), length.size()) == 0)
    return;
  received_.resize(before);
  throw DamagedError("what came over a connection is not what the other end has said; connect again");
}

void Channel::send(std::string_view plain) {
  if (!refusal_.empty()) throw DamagedError(refusal_);
  if (!is_open()) throw std::logic_error("a channel must be open before it can send");
  for (; !plain.empty(); plain.remove_prefix(std::min(plain.size(), longest_part))) {
    const auto part = plain.substr(0, longest_part);
    const std::size_t before = to_send_.size();
    to_send_.resize(before + sizeof(PartLength) + part.size() + overhead);
    const auto out = as_unsigned(to_send_.data() + before);
    const auto length = detail::little_endian(static_cast<PartLength>(part.size() - 1));
    std::memcpy(out, &length, sizeof length);
    ::crypto_secretstream_xchacha20poly1305_push(&streams_->sending, out + sizeof length, nullptr,
                                                 as_unsigned(part.data()), part.size(), out, sizeof length,
                                                 crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
  }
}

}  // namespace tasker::talk
