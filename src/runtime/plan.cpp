#include "runtime/plan.hpp"

#include "base/process.hpp"
#include "base/scratch.hpp"
#include "base/units.hpp"
#include "talk/thrown.hpp"

#include <tasker/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

namespace tasker::runtime {

namespace {

/// In seconds: no task lasts longer.
constexpr double longest_expected = 1e8;

/// The expected seconds of each task. The program is asked once, since its answers must not change.
using Durations = base::ScratchArray<float>;

double expected_of(const detail::MapCall& call, std::uint64_t index, std::string_view argument) {
  try {
    const base::NoCopies guard("tasker::expected");
    const double seconds = call.expected(argument);
    return std::isfinite(seconds) ? std::clamp(seconds, 0.0, longest_expected) : longest_expected;
  } catch (...) {
    const talk::Thrown why = talk::describe(std::current_exception());
    throw Error(fmt::format("{}: how long task {} lasts could not be said: {}", call.path.string(), index,
                            why.message),
                why.exit_code);
  }
}

std::shared_ptr<Durations> as_expected(const detail::MapCall& call, Arguments& arguments,
                                       const Workspace& workspace) {
  auto durations = std::make_shared<Durations>(workspace.catalog().scratch());
  durations->resize(call.count);
  std::uint64_t index = 0;
  arguments.each([&](std::string_view argument) {
    (*durations)[index] = static_cast<float>(expected_of(call, index, argument));
    ++index;
    return true;
  });
  return durations;
}

/// Each task lasts as long as before; an unknown task as long as the mean. Null if no task is known.
std::shared_ptr<Durations> as_before(const detail::MapCall& call, const Workspace& workspace) {
  std::shared_ptr<Durations> durations;
  each_attempt(workspace.catalog(), [&](std::uint64_t index, double seconds) {
    if (!durations) {
      durations = std::make_shared<Durations>(workspace.catalog().scratch());
      durations->resize(call.count);
    }
    (*durations)[index] = static_cast<float>(seconds);
  });
  if (!durations) return nullptr;
  double sum = 0;
  double known = 0;
  for (const float seconds : *durations) {
    sum += seconds;
    known += seconds > 0 ? 1 : 0;
  }
  const auto mean = static_cast<float>(sum / std::max(known, 1.0));
  std::replace(durations->begin(), durations->end(), 0.0F, mean);
  return durations;
}

std::string too_long_text(std::optional<double> expected, const schedule::TimeFrame& time) {
  const std::string has = base::duration_text(time.whole) + " that an allocation has for tasks";
  if (!expected || *expected < std::chrono::duration<double>(time.whole).count())
    return "it needs more than the " + has;
  const auto needs =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(*expected));
  return fmt::format("it needs about {}, more than the {}", base::duration_text(needs), has);
}

/// From so many tasks `Pace` knows the duration that only one task in twenty exceeds.
constexpr std::uint64_t enough = 20;

double seconds(const store::Catalog& catalog, const store::Entry& entry) {
  const store::FrameInfo info = catalog.frame(entry).info();
  return static_cast<double>(info.duration) * 1e-9 / std::max(info.together, 1U);
}

}  // namespace

schedule::Plan make_plan(const detail::MapCall& call, Arguments& arguments, Workspace& workspace,
                         const std::optional<schedule::TimeFrame>& time) {
  schedule::Plan plan;
  plan.longest_first = call.options.order == Order::longest_first;
  std::shared_ptr<Durations> durations;
  if (call.expected)
    durations = as_expected(call, arguments, workspace);
  else if (plan.longest_first)
    durations = as_before(call, workspace);
  if (durations) plan.expected = [durations](std::uint64_t index) -> double { return (*durations)[index]; };
  plan.resumed = workspace.resumed();
  for (const auto& [index, lasted] : interrupted(workspace.catalog(), workspace.missing())) {
    if (plan.resumed.contains(index)) continue;
    if (time && lasted >= time->whole * schedule::nearly_all)
      workspace.settle(
          index, too_long_text(call.expected ? std::optional(plan.expected(index)) : std::nullopt, *time));
    else
      plan.interrupted.insert({index, index + 1});
  }
  return plan;
}

schedule::Pace past_pace(const store::Catalog& catalog,
                         const std::function<double(std::uint64_t index)>& expected) {
  schedule::Pace pace;
  if (catalog.empty()) return pace;
  const auto add = [&](const store::Entry& entry) {
    if (!entry.done() || (expected && entry.first >= catalog.tasks())) return;
    const double lasted = seconds(catalog, entry);
    if (!expected) return pace.add(lasted, entry.count);
    for (std::uint64_t index = entry.first; index < entry.last(); ++index)
      if (const double unit = expected(index); unit > 0) pace.add(lasted / unit, 1);
  };
  for (const store::Entry& entry : catalog.slots()) add(entry);
  if (pace.count() < enough)
    for (const store::Stray& stray : catalog.strays()) add(stray.entry);
  return pace;
}

void each_attempt(const store::Catalog& catalog,
                  const std::function<void(std::uint64_t index, double seconds)>& visit) {
  const auto visit_all = [&](const store::Entry& entry) {
    const double lasted = seconds(catalog, entry);
    for (std::uint64_t index = entry.first; index < entry.last(); ++index) visit(index, lasted);
  };
  for (const store::Stray& stray : catalog.strays())
    if (stray.entry.first < catalog.tasks()) visit_all(stray.entry);
  for (const store::Entry& entry : catalog.slots()) visit_all(entry);
}

std::vector<std::pair<std::uint64_t, std::chrono::nanoseconds>> interrupted(
    const store::Catalog& catalog, const base::IntervalSet& missing) {
  std::vector<std::pair<std::uint64_t, std::chrono::nanoseconds>> tasks;
  for (const store::Entry& entry : catalog.slots()) {
    if (entry.outcome != store::Outcome::interrupted) continue;
    const std::chrono::nanoseconds lasted(catalog.frame(entry).info().duration);
    for (std::uint64_t index = entry.first; index < entry.last(); ++index)
      if (missing.contains(index)) tasks.emplace_back(index, lasted);
  }
  return tasks;
}

}  // namespace tasker::runtime
