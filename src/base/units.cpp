#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <initializer_list>
#include <utility>

namespace tasker::base {

namespace {

using Units = std::initializer_list<std::pair<std::string_view, double>>;

struct Term {
  double value = 0;
  double unit = 0;
};

/// Takes a number, which is not negative, and its unit from the front of `text`. A space may be between them.
std::optional<Term> take_term(std::string_view& text, const Units& units) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || std::signbit(number) || !std::isfinite(number)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.size() > 1 && text.starts_with(' ')) text.remove_prefix(1);
  const std::string_view name = text.substr(0, text.find_first_of(" .0123456789"));
  const auto unit = std::ranges::find(units, name, [](const auto& known) { return known.first; });
  if (unit == units.end()) return std::nullopt;
  text.remove_prefix(name.size());
  return Term{number * unit->second, unit->second};
}

constexpr double whole_limit = 9.2e18;  // a little less than signed 64 bits hold

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  double nanoseconds = 0;
  for (double last = HUGE_VAL;;) {
    const auto term =
        take_term(text, {{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}});
    if (!term || term->unit >= last) return std::nullopt;
    last = term->unit;
    nanoseconds += term->value;
    if (text.empty()) break;
    if (text.starts_with(' ')) text.remove_prefix(1);
  }
  if (nanoseconds > whole_limit) return std::nullopt;
  return std::chrono::nanoseconds(std::llround(nanoseconds));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr double k = 1024;
  constexpr double m = k * k;
  constexpr double g = k * m;
  constexpr double t = k * g;
  const Units units{{"", 1},    {"bytes", 1}, {"K", k},   {"KiB", k}, {"M", m},
                    {"MiB", m}, {"G", g},     {"GiB", g}, {"T", t},   {"TiB", t}};
  const auto bytes = take_term(text, units);
  if (!bytes || !text.empty() || bytes->value > whole_limit) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(bytes->value));
}

std::optional<std::chrono::system_clock::time_point> parse_time_point(const std::string& text) {
  using std::chrono::system_clock;
  if (const auto seconds = parse_number<std::int64_t>(text)) {
    constexpr std::int64_t latest = 9'000'000'000;  // what nanoseconds in 64 bits hold
    if (*seconds <= 0 || *seconds > latest) return std::nullopt;
    return system_clock::time_point(std::chrono::seconds(*seconds));
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
  // Rounded values are compared, or 999.7 ms would be shown as "1000 ms".
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
