#pragma once

#include "base/intervals.hpp"

#include <tasker/detail/codec.hpp>
#include <tasker/error.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <tuple>

/// Messages between processes: plain structs with a `kind`, an enum of one byte, and `fields()`, a tuple of
/// references. A packed message is its kind, then its fields in the fixed layout.
namespace tasker::base {

template <class T>
concept HasFields = requires(T value) { value.fields(); };

}  // namespace tasker::base

namespace tasker::detail {

/// Layout of a struct: its fields in their order, as `fields()` or, where it can't have that, a function
/// `fields_of` in its namespace tells.
template <class T>
struct FieldsCodec {
  static constexpr std::size_t least = 1;
  static void encode(std::string& out, const T& value) {
    T copy(value);
    std::apply([&]<class... Field>(Field&... fields) { (Codec<Field>::encode(out, fields), ...); },
               tie(copy));
  }
  static T decode(Reader& in) {
    T value;
    std::apply([&]<class... Field>(Field&... fields) { ((fields = Codec<Field>::decode(in)), ...); },
               tie(value));
    return value;
  }

 private:
  static auto tie(T& value) {
    if constexpr (base::HasFields<T>)
      return value.fields();
    else
      return fields_of(value);
  }
};

template <base::HasFields T>
struct Codec<T> : FieldsCodec<T> {};

template <class Rep, class Period>
struct Codec<std::chrono::duration<Rep, Period>> {
  static constexpr std::size_t least = sizeof(Rep);
  using Duration = std::chrono::duration<Rep, Period>;
  static void encode(std::string& out, const Duration& value) { put(out, value.count()); }
  static Duration decode(Reader& in) { return Duration(in.number<Rep>()); }
};

template <class Clock, class Duration>
struct Codec<std::chrono::time_point<Clock, Duration>> {
  static constexpr std::size_t least = Codec<Duration>::least;
  using TimePoint = std::chrono::time_point<Clock, Duration>;
  static void encode(std::string& out, const TimePoint& value) {
    Codec<Duration>::encode(out, value.time_since_epoch());
  }
  static TimePoint decode(Reader& in) { return TimePoint(Codec<Duration>::decode(in)); }
};

template <>
struct Codec<base::Range> {
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

}  // namespace tasker::detail

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
  if (in.number<std::uint8_t>() != static_cast<std::uint8_t>(Message::kind))
    throw DamagedError("a process sent a message that was not expected");
  auto message = detail::FieldsCodec<Message>::decode(in);
  bytes = in.left();
  return message;
}

/// The message in these bytes. Throws DamagedError unless they are exactly one of this kind.
template <class Message>
Message unpack(std::string_view bytes) {
  auto message = unpack_front<Message>(bytes);
  if (!bytes.empty()) throw DamagedError("a process sent a message that is longer than it should be");
  return message;
}

}  // namespace tasker::base
