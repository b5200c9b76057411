#include "runtime/tasks_failed.hpp"

#include "store/paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace tasker::runtime {

namespace {

constexpr std::size_t causes_told = 8;

/// Lines below what they belong to.
std::string indented(const std::string& lines) {
  std::string text;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) text += "\n    " + line;
  return text;
}

}  // namespace

TasksFailed tasks_failed(const talk::Tally& tally, const std::string& name, std::uint64_t count,
                         std::uint64_t reused) {
  std::string message = fmt::format("{} of {} tasks failed", tally.failed, count);
  const std::vector<TaskFailure> first = tally.largest(causes_told);
  std::uint64_t others = tally.failed;
  for (const auto& [index, cause, alike, lines] : first) {
    message += alike == 1 ? fmt::format("\n  task {}: {}", index, cause)
                          : fmt::format("\n  {} tasks: {}; first: task {}", alike, cause, index);
    message += indented(lines);
    others -= std::min(others, alike);
  }
  if (others > 0) message += fmt::format("\n  and {} more", others);
  if (tally.tasks + reused > tally.failed)
    message += fmt::format("\nAll other results are kept in {}; run the same command again to retry",
                           store::directory_of(name).string());
  else
    message += "\nRun the same command again to retry";
  return TasksFailed(message, tally.failed, count, first);
}

}  // namespace tasker::runtime
