#include "runtime/settings.hpp"

#include "base/hash.hpp"
#include "base/units.hpp"
#include "cluster/history.hpp"
#include "cluster/report.hpp"
#include "execute/work.hpp"
#include "talk/tcp.hpp"

#include <tasker/error.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <ranges>
#include <sstream>
#include <type_traits>
#include <utility>

namespace tasker::runtime {

namespace {

/// More attempts at a task, or more ranks lost while computing it, are a mistake.
constexpr std::uint32_t most_retries = 1000;
/// A busy host may be silent for a moment, and TCP counts in seconds.
constexpr std::chrono::seconds least_lost_after{2};
constexpr std::chrono::hours most_lost_after{1};
/// Signs of life come every two seconds.
constexpr std::chrono::seconds least_lease{5};

/// How the values of an option are written.
template <class T>
struct Format {
  std::function<std::optional<T>(const std::string& text)> read;
  std::string wanted;

  /// The value of the variable `name`. Throws UsageError for a text that is none.
  T operator()(const std::string& name, const std::string& text) const {
    const std::optional<T> value = read(text);
    if (!value) throw UsageError(fmt::format("{}={}: {} is wanted", name, text, wanted));
    return *value;
  }
};

template <class T>
using Names = std::vector<std::pair<std::string, T>>;

template <class T>
Format<T> one_of(const Names<T>& names) {
  const auto read = [names](const std::string& text) -> std::optional<T> {
    for (const auto& [name, value] : names)
      if (name == text) return value;
    return std::nullopt;
  };
  return {read, fmt::format("{}", fmt::join(std::views::keys(names), " or "))};
}

Format<bool> yes_or_no() {
  return one_of<bool>({{"1", true},
                       {"0", false},
                       {"on", true},
                       {"off", false},
                       {"yes", true},
                       {"no", false},
                       {"true", true},
                       {"false", false}});
}

Format<std::uint32_t> up_to(std::uint32_t most) {
  const auto read = [most](const std::string& text) {
    const auto number = base::parse_number<std::uint32_t>(text);
    return number && *number <= most ? number : std::nullopt;
  };
  return {read, fmt::format("a whole number up to {}", most)};
}

Format<std::chrono::nanoseconds> duration() {
  return {base::parse_duration, "a duration such as 90s, 10m or 2h"};
}

std::optional<std::chrono::nanoseconds> parse_lost_after(const std::string& text) {
  const auto pause = base::parse_duration(text);
  return pause && *pause >= least_lost_after && *pause <= most_lost_after ? pause : std::nullopt;
}

std::optional<std::chrono::nanoseconds> parse_lease(const std::string& text) {
  const auto lease = base::parse_duration(text);
  return lease && *lease >= least_lease ? lease : std::nullopt;
}

std::optional<Digest> parse_digest(const std::string& text) {
  Digest digest;
  return base::from_hex(text, digest) ? std::optional(digest) : std::nullopt;
}

std::vector<std::string> parse_list(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

std::optional<std::string> parse_listen(const std::string& text) {
  return talk::parse_listen_at(text) ? std::optional(text) : std::nullopt;
}
constexpr const char* wanted_to_listen = "off, unix, or where to listen, such as eth0 or 10.1.2.3:4000-4100";

Format<std::string> text() {
  return {[](const std::string& text) { return std::optional(text); }, "a text"};
}

/// A name with more wrong letters than this is no misspelling.
constexpr std::size_t farthest_typo = 3;

using Apply = std::function<void(Settings&, const std::string& name, const std::string& value)>;

template <class T>
Apply set(T Options::*option, const std::type_identity_t<Format<T>>& format) {
  return [option, format](Settings& settings, const std::string& name, const std::string& value) {
    settings.options.*option = format(name, value);
  };
}

/// Whether to join, or the path of a ticket.
void set_join(Settings& settings, const std::string&, const std::string& value) {
  settings.options.ticket.clear();
  if (value == "automatic" || value == "never")
    settings.options.join = value == "never" ? Joining::never : Joining::automatic;
  else
    settings.options.ticket = value;
}

/// Every option with a variable, in one table.
const std::map<std::string, Apply>& table() {
  static const std::map<std::string, Apply> variables = {
      {"TASKER_INPUTS", set(&Options::inputs, {parse_digest, "a digest of 32 hexadecimal digits"})},
      {"TASKER_SEED", set(&Options::seed, {base::parse_number<std::uint64_t>, "a whole number"})},
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
      {"TASKER_RETRY_AFTER", set(&Options::retry_after, duration())},
      {"TASKER_MAX_FAILED", set(&Options::max_failed, {base::parse_number<std::uint64_t>, "a whole number"})},
      {"TASKER_TIMEOUT", set(&Options::timeout, duration())},
      {"TASKER_MEMORY_LIMIT", set(&Options::memory_limit, {base::parse_size, "a size such as 500M or 2G"})},
      {"TASKER_CAPTURE", set(&Options::capture, one_of<Capture>({{"none", Capture::none},
                                                                 {"failures", Capture::failures},
                                                                 {"all", Capture::all}}))},
      {"TASKER_LOST_AFTER", set(&Options::lost_after, {parse_lost_after, "a duration from 2s to 1h"})},
      {"TASKER_JOIN", set_join},
      {"TASKER_IDLE_TIMEOUT", set(&Options::idle_timeout, duration())},
      {"TASKER_LISTEN", set(&Options::listen, {parse_listen, wanted_to_listen})},
      {"TASKER_INVITE", set(&Options::invite, text())},
      {"TASKER_JOIN_OTHER_BUILDS", set(&Options::join_other_builds, yes_or_no())},
      {"TASKER_LEASE", set(&Options::lease, {parse_lease, "a duration of 5s or more"})},
      {"TASKER_MAX_LOST", set(&Options::max_lost, up_to(most_retries))},
      {"TASKER_DEADLINE",
       set(&Options::deadline,
           {base::parse_time_point, "a local time such as 2027-03-01T18:00, or seconds since 1970,"})},
      {"TASKER_TIME_LIMIT", set(&Options::time_limit, duration())},
      {"TASKER_ORDER", set(&Options::order, one_of<Order>({{"as_given", Order::as_given},
                                                           {"longest_first", Order::longest_first}}))},
      {"TASKER_KEEP_ARGUMENTS", set(&Options::keep_arguments, yes_or_no())},
      {"TASKER_SHARED", set(&Options::shared, yes_or_no())},
      {"TASKER_KEEP_DIRECTORY", set(&Options::keep_directory, yes_or_no())},
      {"TASKER_COLUMNS", set(&Options::columns, {parse_list, "a list"})},
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

/// What to say of a TASKER_* variable that is not in the table.
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

/// Options from code have the same bounds as those from the environment.
void require_sense(const Options& options) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw UsageError(std::string("Options::") + what);
  };
  require(options.slots <= execute::most_slots, "slots: more than 4096 on one rank are a mistake");
  require(options.retries <= most_retries, "retries: at most 1000");
  require(options.max_lost <= most_retries, "max_lost: at most 1000");
  require(options.retry_after.count() >= 0, "retry_after: it can't be negative");
  require(options.timeout.count() >= 0, "timeout: it can't be negative");
  require(options.deadline >= std::chrono::system_clock::time_point(), "deadline: it can't be before 1970");
  require(options.time_limit.count() >= 0, "time_limit: it can't be negative");
  require(options.lost_after >= least_lost_after && options.lost_after <= most_lost_after,
          "lost_after: from 2 s to 1 h");
  require(options.lease >= least_lease, "lease: at least 5 s");
  const auto listen = talk::parse_listen_at(options.listen);
  require(listen.has_value(), (std::string("listen: ") + wanted_to_listen).c_str());
  require(options.invite.empty() || listen->how == talk::ListenAt::How::automatic ||
              listen->how == talk::ListenAt::How::tcp,
          "invite: listen must not be off or unix");
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
    // By these `tasker launch` talks to its ranks.
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
