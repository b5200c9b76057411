#pragma once

#include "base/intervals.hpp"

#include <tasker/detail/codec.hpp>
#include <tasker/error.hpp>

#include <string>
#include <string_view>
#include <tuple>

template <>
struct tasker::detail::Codec<tasker::base::Range> {
  static constexpr std::size_t least = 16;
  static void encode(std::string& out, const base::Range& range) {
    put(out, range.first);
    put(out, range.last);
  }
  static base::Range decode(Reader& in) {
    const auto first = in.number<std::uint64_t>();
    const auto last = in.number<std::uint64_t>();
    if (last < first) throw DamagedError("a process sent a range that ends before it begins");
    return {first, last};
  }
};

/// Messages between processes: plain structs with a `kind`, an enum of one byte, and `fields()`, a tuple of
/// references. A packed message is its kind, then its fields in the fixed layout.
namespace tasker::base {

template <class Message>
std::string pack(Message message) {
  std::string bytes(1, static_cast<char>(Message::kind));
  std::apply([&]<class... T>(T&... parts) { (detail::Codec<T>::encode(bytes, parts), ...); },
             message.fields());
  return bytes;
}

/// Takes the message from the front of these bytes; what was sent behind it is left. Throws DamagedError
/// unless they begin with one of this kind.
template <class Message>
Message unpack_front(std::string_view& bytes) {
  detail::Reader in(bytes);
  Message message;
  if (in.number<std::uint8_t>() != static_cast<std::uint8_t>(Message::kind))
    throw DamagedError("a process sent a message that was not expected");
  std::apply([&]<class... T>(T&... parts) { ((parts = detail::Codec<T>::decode(in)), ...); },
             message.fields());
  bytes = in.left();
  return message;
}

/// The message in these bytes. Throws DamagedError unless they are exactly one of this kind.
template <class Message>
Message unpack(std::string_view bytes) {
  Message message = unpack_front<Message>(bytes);
  if (!bytes.empty()) throw DamagedError("a process sent a message that is longer than it should be");
  return message;
}

}  // namespace tasker::base
