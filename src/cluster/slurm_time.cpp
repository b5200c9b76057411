#include "cluster/slurm_time.hpp"

#include <charconv>
#include <vector>

namespace tasker::cluster {

namespace {

/// More than a thousand years are no time limit, and would not fit into nanoseconds.
constexpr long longest_days = 36500;

std::optional<long> parse_number(std::string_view text) {
  long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return number;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \n") - first + 1);
}

/// Nothing for what is no time; an empty time for none.
std::optional<std::optional<std::chrono::seconds>> parse_time(std::string_view text) {
  if (text == "UNLIMITED" || text == "NOT_SET") return std::optional<std::chrono::seconds>();
  if (text == "INVALID") return std::chrono::seconds(0);  // the end has passed
  if (const auto time = parse_slurm_duration(text)) return time;
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::seconds> parse_slurm_duration(std::string_view text) {
  long days = 0;
  const auto dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto number = dash > 0 ? parse_number(text.substr(0, dash)) : std::nullopt;
    if (!number || *number > longest_days) return std::nullopt;
    days = *number;
    text.remove_prefix(dash + 1);
  }
  std::vector<long> parts;
  for (;;) {
    const auto colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    const auto number = part.empty() ? std::nullopt : parse_number(part);
    if (!number || *number > longest_days * 86400 || parts.size() == 3) return std::nullopt;
    parts.push_back(*number);
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  // Behind days, hours come first; else seconds come last.
  if (dash != std::string_view::npos) parts.resize(3);
  long seconds = 0;
  for (const long part : parts) seconds = seconds * 60 + part;
  return std::chrono::seconds(days * 86400 + seconds);
}

std::optional<SlurmTimes> parse_squeue(std::string_view text) {
  text = trimmed(text);
  text = text.substr(0, text.find('\n'));  // a job of several components has a line for each
  const auto bar = text.find('|');
  if (bar == std::string_view::npos) return std::nullopt;
  const auto left = parse_time(trimmed(text.substr(0, bar)));
  const auto limit = parse_time(trimmed(text.substr(bar + 1)));
  if (!left || !limit) return std::nullopt;
  return SlurmTimes{*left, *limit};
}

}  // namespace tasker::cluster
