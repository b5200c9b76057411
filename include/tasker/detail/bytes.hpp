#pragma once

#include <tasker/error.hpp>

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace tasker::detail {

/// Numbers whose bytes are all value: no padding, one representation for equal values of integers.
template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<std::remove_cv_t<T>, long double>;

template <Number T>
T little_endian(T value) {
  if constexpr (std::endian::native == std::endian::big) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    for (std::size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
    std::memcpy(&value, bytes, sizeof(T));
  }
  return value;
}

/// Appends `value`, little-endian.
template <Number T>
void put(std::string& out, T value) {
  value = little_endian(value);
  const std::size_t size = out.size();
  out.resize(size + sizeof(T));
  std::memcpy(out.data() + size, &value, sizeof(T));
}

/// Most elements take a byte or more. So many that don't are counted all the same: more would be an
/// allocation that no bytes bound.
constexpr std::size_t most_without_bytes = std::size_t{1} << 16;

/// Throws UsageError for a count that `Reader::count` would refuse with so many bytes behind it.
inline void require_count(std::size_t count, std::size_t bytes) {
  if (count > bytes + most_without_bytes)
    throw UsageError(
        std::to_string(count) +
        " elements that write no bytes can't be stored; store how many they are (so many buckets of a "
        "std::unordered_map can't be, either: reserve fewer)");
}

/// Appends a count of elements that take `least` bytes or more. Throws UsageError where it could not be read.
inline void put_count(std::string& out, std::size_t count, std::size_t least) {
  if (least == 0) require_count(count, 0);
  put(out, std::uint64_t{count});
}

/// Reads from bytes that it does not own. Reading past the end throws DamagedError.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  template <Number T>
  T number() {
    T value;
    std::memcpy(&value, bytes(sizeof(T)).data(), sizeof(T));
    return little_endian(value);
  }

  std::string_view bytes(std::uint64_t size) {
    if (size > left_.size()) throw DamagedError("a value ends before its last byte");
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  /// A count of elements that each take `least` bytes or more: refused if they can't all be there.
  std::size_t count(std::size_t least) {
    const auto n = number<std::uint64_t>();
    const std::size_t most = least > 0 ? left_.size() / least : left_.size() + most_without_bytes;
    if (n > most) throw DamagedError("a count is larger than its bytes");
    return static_cast<std::size_t>(n);
  }

  std::string_view left() const { return left_; }

 private:
  std::string_view left_;
};

}  // namespace tasker::detail
