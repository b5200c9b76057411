#include "runtime/settings.hpp"

#include "base/hash.hpp"
#include "base/units.hpp"
#include "cluster/history.hpp"
#include "cluster/report.hpp"
#include "execute/work.hpp"

#include <tasker/error.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <sstream>
#include <type_traits>
#include <utility>

namespace tasker::runtime {

namespace {

/// More tries, or more ranks lost at one task, are a mistake.
constexpr std::uint32_t most_retries = 1000;
/// A busy host may be silent for a moment; and TCP counts in seconds.
constexpr std::chrono::seconds least_lost_after{2};
constexpr std::chrono::hours most_lost_after{1};

template <class T>
using Names = std::vector<std::pair<const char*, T>>;

/// Turns a variable's text into the value of an option, or refuses.
template <class T>
using Parse = std::function<T(const std::string& name, const std::string& value)>;

[[noreturn]] void refuse(const std::string& name, const std::string& value, const std::string& wanted) {
  throw UsageError(fmt::format("{}={}: {} is wanted", name, value, wanted));
}

template <class T>
Parse<T> one_of(Names<T> names) {
  return [names](const std::string& name, const std::string& value) {
    std::string wanted;
    for (const auto& [text, meaning] : names) {
      if (value == text) return meaning;
      wanted += (wanted.empty() ? "" : " or ") + std::string(text);
    }
    refuse(name, value, wanted);
  };
}

Parse<bool> yes_or_no() {
  return one_of<bool>({{"1", true},
                       {"0", false},
                       {"on", true},
                       {"off", false},
                       {"yes", true},
                       {"no", false},
                       {"true", true},
                       {"false", false}});
}

std::uint64_t parse_number(const std::string& name, const std::string& value) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size()) refuse(name, value, "a whole number");
  return number;
}

Parse<std::uint32_t> up_to(std::uint32_t most) {
  return [most](const std::string& name, const std::string& value) {
    const std::uint64_t number = parse_number(name, value);
    if (number > most) refuse(name, value, fmt::format("a number up to {}", most));
    return static_cast<std::uint32_t>(number);
  };
}

/// What one of base/units reads.
template <class T, class Text>
Parse<T> read_by(std::optional<T> (*read)(Text), const char* wanted) {
  return [read, wanted](const std::string& name, const std::string& value) {
    const std::optional<T> known = read(value);
    if (!known) refuse(name, value, wanted);
    return *known;
  };
}

Parse<std::chrono::nanoseconds> duration() {
  return read_by(base::parse_duration, "a duration such as 90s, 10m or 2h");
}

std::chrono::nanoseconds parse_lost_after(const std::string& name, const std::string& value) {
  const auto pause = base::parse_duration(value);
  if (!pause || *pause < least_lost_after || *pause > most_lost_after)
    refuse(name, value, "a duration from 2s to 1h");
  return *pause;
}

Digest parse_digest(const std::string& name, const std::string& value) {
  Digest digest;
  if (!base::from_hex(value, digest)) refuse(name, value, "a digest of 32 hexadecimal digits");
  return digest;
}

std::vector<std::string> parse_list(const std::string&, const std::string& value) {
  std::vector<std::string> parts;
  std::istringstream in(value);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

/// A name that takes more letters to mend is taken for another word.
constexpr std::size_t farthest_typo = 3;

using Apply = std::function<void(Settings&, const std::string& name, const std::string& value)>;

template <class T>
Apply set(T Options::*option, const std::type_identity_t<Parse<T>>& parse) {
  return [option, parse](Settings& settings, const std::string& name, const std::string& value) {
    settings.options.*option = parse(name, value);
  };
}

/// Every option with a variable, in one table.
const std::map<std::string, Apply>& table() {
  static const std::map<std::string, Apply> variables = {
      {"TASKER_INPUTS", set(&Options::inputs, parse_digest)},
      {"TASKER_SEED", set(&Options::seed, parse_number)},
      {"TASKER_DURABILITY", set(&Options::durability, one_of<Durability>({{"process", Durability::process},
                                                                          {"power", Durability::power}}))},
      {"TASKER_ON_FAILURE", set(&Options::on_failure, one_of<OnFailure>({{"finish", OnFailure::finish},
                                                                         {"stop", OnFailure::stop},
                                                                         {"keep", OnFailure::keep}}))},
      {"TASKER_ISOLATION", set(&Options::isolation, one_of<Isolation>({{"none", Isolation::none},
                                                                       {"process", Isolation::process}}))},
      {"TASKER_SLOTS", set(&Options::slots, up_to(execute::most_slots))},
      {"TASKER_ROOT_COMPUTES", set(&Options::root_computes, yes_or_no())},
      {"TASKER_RETRIES", set(&Options::retries, up_to(most_retries))},
      {"TASKER_TIMEOUT", set(&Options::timeout, duration())},
      {"TASKER_MEMORY_LIMIT",
       set(&Options::memory_limit, read_by(base::parse_size, "a size such as 500M or 2G"))},
      {"TASKER_CAPTURE", set(&Options::capture, one_of<Capture>({{"none", Capture::none},
                                                                 {"failures", Capture::failures},
                                                                 {"all", Capture::all}}))},
      {"TASKER_LOST_AFTER", set(&Options::lost_after, parse_lost_after)},
      {"TASKER_MAX_LOST", set(&Options::max_lost, up_to(most_retries))},
      {"TASKER_DEADLINE",
       set(&Options::deadline,
           read_by(base::parse_time_point, "a local time such as 2027-03-01T18:00, or seconds since 1970,"))},
      {"TASKER_TIME_LIMIT", set(&Options::time_limit, duration())},
      {"TASKER_ORDER", set(&Options::order, one_of<Order>({{"as_given", Order::as_given},
                                                           {"longest_first", Order::longest_first}}))},
      {"TASKER_KEEP_ARGUMENTS", set(&Options::keep_arguments, yes_or_no())},
      {"TASKER_SHARED", set(&Options::shared, yes_or_no())},
      {"TASKER_KEEP_DIRECTORY", set(&Options::keep_directory, yes_or_no())},
      {"TASKER_COLUMNS", set(&Options::columns, parse_list)},
      {"TASKER_PROGRESS", set(&Options::progress, one_of<Progress>({{"automatic", Progress::automatic},
                                                                    {"line", Progress::line},
                                                                    {"log", Progress::log},
                                                                    {"off", Progress::off}}))},
      {"TASKER_DRY_RUN", [](Settings& settings, const std::string& name,
                            const std::string& value) { settings.dry_run = yes_or_no()(name, value); }},
  };
  return variables;
}

/// Levenshtein's distance: how many letters to insert, remove or change.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, changed});
    }
  }
  return row[b.size()];
}

/// What to say of a variable that is none of ours.
std::string unknown(const std::string& name) {
  if (name == "TASKER_VERSION")
    return name + " changes nothing: the version belongs to the code (Options::version)";
  const auto& variables = table();
  const auto nearest = std::min_element(
      variables.begin(), variables.end(),
      [&](const auto& a, const auto& b) { return distance(name, a.first) < distance(name, b.first); });
  std::string note = "unknown variable " + name;
  if (distance(name, nearest->first) <= farthest_typo) note += "; did you mean " + nearest->first + "?";
  return note;
}

/// What is set in code must be what could be set by a variable.
void require_sense(const Options& options) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw UsageError(std::string("Options::") + what);
  };
  require(options.slots <= execute::most_slots, "slots: more than 4096 on one rank are a mistake");
  require(options.retries <= most_retries, "retries: at most 1000");
  require(options.max_lost <= most_retries, "max_lost: at most 1000");
  require(options.timeout.count() >= 0, "timeout: it can't be negative");
  require(options.deadline >= std::chrono::system_clock::time_point(), "deadline: it can't be before 1970");
  require(options.time_limit.count() >= 0, "time_limit: it can't be negative");
  require(options.lost_after >= least_lost_after && options.lost_after <= most_lost_after,
          "lost_after: from 2 s to 1 h");
}

}  // namespace

Settings apply_environment(Options options, const std::vector<std::string>& environment) {
  Settings settings;
  settings.options = std::move(options);
  for (const std::string& variable : environment) {
    const auto equals = variable.find('=');
    if (!variable.starts_with("TASKER_") || equals == std::string::npos) continue;
    const std::string name = variable.substr(0, equals);
    const std::string value = variable.substr(equals + 1);
    // Between `tasker launch` and its ranks.
    if (name == cluster::launcher_variable || name == cluster::history_variable) continue;
    const auto known = table().find(name);
    if (known == table().end()) {
      settings.notes.push_back(unknown(name));
      continue;
    }
    if (value.empty() && name != "TASKER_COLUMNS") continue;  // as if it were not set; a list may be empty
    known->second(settings, name, value);
    settings.notes.push_back(fmt::format("{} from the environment", variable));
  }
  require_sense(settings.options);
  return settings;
}

Settings apply_environment(Options options) {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable; ++variable) environment.emplace_back(*variable);
  return apply_environment(std::move(options), environment);
}

}  // namespace tasker::runtime
