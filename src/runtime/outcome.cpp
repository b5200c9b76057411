#include "runtime/outcome.hpp"

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

void Outcome::add(std::uint64_t tasks, std::uint64_t failed_tasks,
                  const std::vector<talk::FailureGroup>& failures_of_them,
                  std::chrono::duration<double> chunk_busy) {
  computed += tasks;
  failed += failed_tasks;
  busy += chunk_busy;
  failures.add(failures_of_them);
}

TasksFailed tasks_failed(const Outcome& outcome, const std::string& name, std::uint64_t count,
                         std::uint64_t reused) {
  std::string message = fmt::format("{} of {} tasks failed", outcome.failed, count);
  std::vector<TaskFailure> first;
  std::uint64_t others = outcome.failed;
  for (const auto& [index, alike, cause, lines] : outcome.failures.largest(causes_told)) {
    message += alike == 1 ? fmt::format("\n  task {}: {}", index, cause)
                          : fmt::format("\n  {} tasks: {}; first: task {}", alike, cause, index);
    message += indented(lines);
    first.push_back({index, cause, alike, lines});
    others -= std::min(others, alike);
  }
  if (others > 0) message += fmt::format("\n  and {} more", others);
  if (outcome.computed + reused > outcome.failed)
    message += fmt::format("\nAll other results are kept in {}; run the same command again to retry",
                           store::directory_of(name).string());
  else
    message += "\nRun the same command again to retry";
  return TasksFailed(message, outcome.failed, count, first);
}

}  // namespace tasker::runtime
