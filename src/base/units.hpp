#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

/// Numbers, durations and sizes as people write them.
namespace tasker::base {

/// A whole number in decimal digits; nothing if `text` is anything else, or the number does not fit into T.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "250ms", "90s", "10m", "2h", "1.5d", and what duration_text writes: "10 min", "1 h 05 min"; nothing for
/// anything else. A number alone is no duration.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// Bytes: "4096", "64K", "1.5M", "2G", "1T", in powers of 1024, and what size_text writes: "1.5 GiB"; nothing
/// for anything else.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// A local time, "2027-03-01T18:00" or "2027-03-01 18:00:30", or the seconds since 1970; nothing for anything
/// else.
std::optional<std::chrono::system_clock::time_point> parse_time_point(const std::string& text);

/// "850 ms", "12.3 s", "4 min 10 s", "3 h 05 min".
std::string duration_text(std::chrono::nanoseconds duration);

/// "512 bytes", "64 MiB", "1.5 GiB".
std::string size_text(std::uint64_t bytes);

}  // namespace tasker::base
