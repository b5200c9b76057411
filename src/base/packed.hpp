#pragma once

#include "base/intervals.hpp"

#include <tasker/detail/codec.hpp>
#include <tasker/error.hpp>

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

/// Messages between processes: plain structs. A packed message is its kind, which is one byte, then its
/// members in the fixed layout.
namespace tasker::detail {

/// Durations and points in time.
template <class T>
  requires requires { typename T::period; }
struct Codec<T> {
  static constexpr std::size_t least = sizeof(T);
  static void encode(std::string& out, const T& value) { put(out, std::bit_cast<typename T::rep>(value)); }
  static T decode(Reader& in) { return std::bit_cast<T>(in.number<typename T::rep>()); }
};

template <>
struct Codec<base::Range> {
  static constexpr std::size_t least = 16;
  static void encode(std::string& out, const base::Range& range) { put(out, range.first, range.last); }
  static base::Range decode(Reader& in) {
    base::Range range;
    in.read(range.first, range.last);
    if (range.last < range.first) throw DamagedError("a process sent a range that ends before it begins");
    return range;
  }
};

}  // namespace tasker::detail

namespace tasker::base {

/// All messages that some processes send. The namespace of the messages declares a function `kinds_of` that
/// returns it, and needs no body.
template <class... Messages>
using Kinds = std::variant<std::type_identity<Messages>...>;

/// The kind of a message: its place among all.
template <class Message>
inline constexpr auto kind = static_cast<std::uint8_t>(
    decltype(kinds_of(std::declval<Message>()))(std::type_identity<Message>()).index());

template <class Message>
std::string pack(const Message& message) {
  std::string bytes(1, static_cast<char>(kind<Message>));
  detail::Codec<Message>::encode(bytes, message);
  return bytes;
}

/// Takes a message from the front of `bytes`; the bytes behind it stay. Throws DamagedError unless `bytes`
/// begins with a message of this kind.
template <class Message>
Message unpack_front(std::string_view& bytes) {
  detail::Reader in(bytes);
  if (in.number<std::uint8_t>() != kind<Message>)
    throw DamagedError("a process sent a message that was not expected");
  auto message = detail::Codec<Message>::decode(in);
  bytes = in.left();
  return message;
}

/// The message in `bytes`. Throws DamagedError unless `bytes` is exactly one message of this kind.
template <class Message>
Message unpack(std::string_view bytes) {
  auto message = unpack_front<Message>(bytes);
  if (!bytes.empty()) throw DamagedError("a process sent a message that is longer than it should be");
  return message;
}

}  // namespace tasker::base
