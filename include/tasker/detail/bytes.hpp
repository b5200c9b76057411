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

/// Numbers without padding; equal integers have equal bytes.
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

/// Appends several numbers, one after the other.
template <Number... Ts>
void put(std::string& out, Ts... values) {
  (put(out, values), ...);
}

/// How many elements may take no bytes at all. A larger count of such elements is refused, since no size of a
/// file would bound what it allocates.
inline constexpr std::size_t most_without_bytes = std::size_t{1} << 16;

/// Throws UsageError for a count that `Reader::count` would refuse if `bytes` bytes follow.
inline void require_count(std::size_t count, std::size_t bytes) {
  if (count > bytes + most_without_bytes)
    throw UsageError(
        std::to_string(count) +
        " elements that write no bytes can't be stored; store how many they are (so many buckets of a "
        "std::unordered_map can't be, either: reserve fewer)");
}

/// Appends a count of elements of at least `least` bytes each. Throws UsageError if it could not be read.
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

  /// Reads several numbers, one after the other.
  template <Number... Ts>
  void read(Ts&... values) {
    ((values = number<Ts>()), ...);
  }

  std::string_view bytes(std::uint64_t size) {
    if (size > left_.size()) throw DamagedError("the bytes of a value end too early");
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  /// A count of elements of at least `least` bytes each. Throws DamagedError if they can't all be there.
  std::size_t count(std::size_t least) {
    const auto n = number<std::uint64_t>();
    const std::size_t most = least > 0 ? left_.size() / least : left_.size() + most_without_bytes;
    if (n > most) throw DamagedError("a container counts more elements than there are bytes for");
    return static_cast<std::size_t>(n);
  }

  std::string_view left() const { return left_; }

 private:
  std::string_view left_;
};

}  // namespace tasker::detail
