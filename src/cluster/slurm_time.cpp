#include "cluster/slurm_time.hpp"

#include "base/units.hpp"

#include <ranges>
#include <sstream>
#include <vector>

namespace tasker::cluster {

namespace {

/// More than a hundred years are no time limit; three hundred would not fit into nanoseconds.
constexpr long longest_days = 36500;

/// Nothing if `text` is no time; an empty time if there is no limit.
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
    const auto number = base::parse_number<std::uint32_t>(text.substr(0, dash));
    if (!number || *number > longest_days) return std::nullopt;
    days = *number;
    text.remove_prefix(dash + 1);
  }
  if (text.empty()) return std::nullopt;
  std::vector<long> parts;
  for (const auto part : std::views::split(text, ':')) {
    const auto number = base::parse_number<std::uint32_t>({part.begin(), part.end()});
    if (!number || *number > longest_days * 86400 || parts.size() == 3) return std::nullopt;
    parts.push_back(*number);
  }
  // With days, the first part is hours; without, the last part is seconds.
  if (dash != std::string_view::npos) parts.resize(3);
  long seconds = 0;
  for (const long part : parts) seconds = seconds * 60 + part;
  return std::chrono::seconds(days * 86400 + seconds);
}

std::optional<SlurmTimes> parse_squeue(const std::string& text) {
  std::istringstream lines(text);
  std::string left;
  std::string limit;
  std::getline(lines >> std::ws, left, '|');
  std::getline(lines, limit);  // a job of several components has a line for each: the first one counts
  const auto until_end = parse_time(left);
  const auto whole = parse_time(limit);
  if (!until_end || !whole) return std::nullopt;
  return SlurmTimes{*until_end, *whole};
}

}  // namespace tasker::cluster
