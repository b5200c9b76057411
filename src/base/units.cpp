#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <utility>

namespace tasker::base {

namespace {

/// The number that `text` begins with, not negative, and what follows it.
std::optional<std::pair<double, std::string_view>> split(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || std::signbit(number) || !std::isfinite(number)) return std::nullopt;
  return std::pair(number, text.substr(static_cast<std::size_t>(end - text.data())));
}

template <std::size_t N>
std::optional<double> scaled(std::string_view text,
                             const std::array<std::pair<std::string_view, double>, N>& units) {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  for (const auto& [name, factor] : units)
    if (name == parts->second) return parts->first * factor;
  return std::nullopt;
}

constexpr double whole_limit = 9.2e18;  // what 64 bits with a sign hold

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 5> units{
      {{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
  const auto nanoseconds = scaled(text, units);
  if (!nanoseconds || *nanoseconds > whole_limit) return std::nullopt;
  return std::chrono::nanoseconds(std::llround(*nanoseconds));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr double k = 1024;
  constexpr std::array<std::pair<std::string_view, double>, 5> units{
      {{"", 1}, {"K", k}, {"M", k * k}, {"G", k * k * k}, {"T", k * k * k * k}}};
  const auto bytes = scaled(text, units);
  if (!bytes || *bytes > whole_limit) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(*bytes));
}

std::optional<std::chrono::system_clock::time_point> parse_time_point(const std::string& text) {
  using std::chrono::system_clock;
  std::int64_t seconds = 0;
  const char* const behind = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), behind, seconds);
  if (error == std::errc{} && end == behind) {
    constexpr std::int64_t latest = 9'000'000'000;  // what nanoseconds in 64 bits hold
    if (seconds <= 0 || seconds > latest) return std::nullopt;
    return system_clock::time_point(std::chrono::seconds(seconds));
  }
  for (const char* const format :
       {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"}) {
    std::tm time{};
    const char* const rest = ::strptime(text.c_str(), format, &time);
    if (!rest || rest != text.c_str() + text.size()) continue;
    time.tm_isdst = -1;
    const std::time_t found = std::mktime(&time);
    if (found > 0) return system_clock::from_time_t(found);
  }
  return std::nullopt;
}

std::string duration_text(std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  // As they are shown: rounded, but never to a full unit.
  if (std::round(1e3 * seconds) < 1000) return fmt::format("{:.0f} ms", 1e3 * seconds);
  if (std::round(10 * seconds) < 600) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::max(seconds, 60.0));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return fmt::format("{:.4g} {}", value, units[unit]);
}

}  // namespace tasker::base
