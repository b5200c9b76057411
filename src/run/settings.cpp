#include "run/settings.hpp"

#include "base/hash.hpp"
#include "base/units.hpp"
#include "cluster/history.hpp"
#include "cluster/report.hpp"

#include <tasker/error.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <numeric>
#include <sstream>

namespace tasker::runtime {

namespace {

/// More tries, or more ranks lost at one task, are a mistake.
constexpr std::uint32_t most_retries = 1000;
/// A busy host may be silent for a moment; and TCP counts in seconds.
constexpr std::chrono::seconds least_lost_after{2};
constexpr std::chrono::hours most_lost_after{1};

template <class T>
using Names = std::initializer_list<std::pair<const char*, T>>;

[[noreturn]] void refuse(const std::string& name, const std::string& value, const std::string& wanted) {
  throw UsageError(fmt::format("{}={}: {} is wanted", name, value, wanted));
}

template <class T>
T parse_name(const std::string& name, const std::string& value, Names<T> names) {
  std::string wanted;
  for (const auto& [text, meaning] : names) {
    if (value == text) return meaning;
    wanted += (wanted.empty() ? "" : " or ") + std::string(text);
  }
  refuse(name, value, wanted);
}

bool parse_bool(const std::string& name, const std::string& value) {
  return parse_name<bool>(name, value,
                          {{"1", true},
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

std::uint32_t parse_small(const std::string& name, const std::string& value, std::uint32_t most) {
  const std::uint64_t number = parse_number(name, value);
  if (number > most) refuse(name, value, fmt::format("a number up to {}", most));
  return static_cast<std::uint32_t>(number);
}

std::vector<std::string> parse_list(const std::string& value) {
  std::vector<std::string> parts;
  std::istringstream in(value);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

/// A name that takes more letters to mend is taken for another word.
constexpr std::size_t farthest_typo = 3;

using Apply = void (*)(Settings&, const std::string& name, const std::string& value);

/// Every option with a variable, in one table.
const std::map<std::string, Apply>& table() {
  static const std::map<std::string, Apply> variables = {
      {"TASKER_INPUTS",
       [](Settings& s, const std::string& name, const std::string& value) {
         if (!base::from_hex(value, s.options.inputs))
           refuse(name, value, "a digest of 32 hexadecimal digits");
       }},
      {"TASKER_SEED", [](Settings& s, const std::string& name,
                         const std::string& value) { s.options.seed = parse_number(name, value); }},
      {"TASKER_DURABILITY",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.durability = parse_name<Durability>(
             name, value, {{"process", Durability::process}, {"power", Durability::power}});
       }},
      {"TASKER_ON_FAILURE",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.on_failure = parse_name<OnFailure>(
             name, value,
             {{"finish", OnFailure::finish}, {"stop", OnFailure::stop}, {"keep", OnFailure::keep}});
       }},
      {"TASKER_ISOLATION",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.isolation =
             parse_name<Isolation>(name, value, {{"none", Isolation::none}, {"process", Isolation::process}});
       }},
      {"TASKER_SLOTS",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.slots = parse_small(name, value, most_slots);
       }},
      {"TASKER_RETRIES",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.retries = parse_small(name, value, most_retries);
       }},
      {"TASKER_TIMEOUT",
       [](Settings& s, const std::string& name, const std::string& value) {
         const auto timeout = base::parse_duration(value);
         if (!timeout) refuse(name, value, "a duration such as 90s, 10m or 2h");
         s.options.timeout = *timeout;
       }},
      {"TASKER_MEMORY_LIMIT",
       [](Settings& s, const std::string& name, const std::string& value) {
         const auto size = base::parse_size(value);
         if (!size) refuse(name, value, "a size such as 500M or 2G");
         s.options.memory_limit = *size;
       }},
      {"TASKER_LOST_AFTER",
       [](Settings& s, const std::string& name, const std::string& value) {
         const auto pause = base::parse_duration(value);
         if (!pause || *pause < least_lost_after || *pause > most_lost_after)
           refuse(name, value, "a duration from 2s to 1h");
         s.options.lost_after = *pause;
       }},
      {"TASKER_MAX_LOST",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.max_lost = parse_small(name, value, most_retries);
       }},
      {"TASKER_CAPTURE",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.capture = parse_name<Capture>(
             name, value, {{"none", Capture::none}, {"failures", Capture::failures}, {"all", Capture::all}});
       }},
      {"TASKER_DEADLINE",
       [](Settings& s, const std::string& name, const std::string& value) {
         const auto time = base::parse_time_point(value);
         if (!time) refuse(name, value, "a local time such as 2027-03-01T18:00, or seconds since 1970,");
         s.options.deadline = *time;
       }},
      {"TASKER_TIME_LIMIT",
       [](Settings& s, const std::string& name, const std::string& value) {
         const auto limit = base::parse_duration(value);
         if (!limit) refuse(name, value, "a duration such as 90s, 10m or 2h");
         s.options.time_limit = *limit;
       }},
      {"TASKER_ORDER",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.order = parse_name<Order>(
             name, value, {{"as_given", Order::as_given}, {"longest_first", Order::longest_first}});
       }},
      {"TASKER_KEEP_ARGUMENTS",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.keep_arguments = parse_bool(name, value);
       }},
      {"TASKER_SHARED", [](Settings& s, const std::string& name,
                           const std::string& value) { s.options.shared = parse_bool(name, value); }},
      {"TASKER_KEEP_DIRECTORY",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.keep_directory = parse_bool(name, value);
       }},
      {"TASKER_COLUMNS", [](Settings& s, const std::string&,
                            const std::string& value) { s.options.columns = parse_list(value); }},
      {"TASKER_PROGRESS",
       [](Settings& s, const std::string& name, const std::string& value) {
         s.options.progress = parse_name<Progress>(name, value,
                                                   {{"automatic", Progress::automatic},
                                                    {"line", Progress::line},
                                                    {"log", Progress::log},
                                                    {"off", Progress::off}});
       }},
      {"TASKER_DRY_RUN", [](Settings& s, const std::string& name,
                            const std::string& value) { s.dry_run = parse_bool(name, value); }},
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
  require(options.slots <= most_slots, "slots: more than 4096 on one rank are a mistake");
  require(options.retries <= most_retries, "retries: at most 1000");
  require(options.max_lost <= most_retries, "max_lost: at most 1000");
  require(options.timeout.count() >= 0, "timeout: it can't be negative");
  require(options.deadline >= std::chrono::system_clock::time_point(), "deadline: it can't be before 1970");
  require(options.time_limit.count() >= 0, "time_limit: it can't be negative");
  require(options.lost_after >= least_lost_after && options.lost_after <= most_lost_after,
          "lost_after: from 2 s to 1 h");
}

}  // namespace

std::uint32_t slots_of(const Options& options) {
  const bool isolated =
      options.isolation == Isolation::process || options.timeout.count() > 0 || options.memory_limit > 0;
  return options.slots == 0 && isolated ? 1 : options.slots;
}

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
