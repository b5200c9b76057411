#include "runtime/progress.hpp"

#include "base/console.hpp"
#include "store/paths.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <utility>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// Between two lines in a file, which shall stay short: after each line the pause doubles.
constexpr Clock::duration first_pause = 5s;
constexpr Clock::duration longest_pause = 10min;
/// On a terminal.
constexpr Clock::duration line_pause = 200ms;

/// Under mpirun a rank's stderr is a pipe, whose other end mpirun copies to its own.
bool shown_on_terminal() {
  if (::isatty(STDERR_FILENO) != 0) return true;
  if (!std::getenv("OMPI_COMM_WORLD_RANK")) return false;
  std::error_code error;
  const auto target = std::filesystem::read_symlink(fmt::format("/proc/{}/fd/2", ::getppid()), error);
  return !error && (target.native().starts_with("/dev/pts/") || target.native().starts_with("/dev/tty"));
}

std::string rate_text(double rate) {
  if (rate >= 1e6) return fmt::format("{:.1f} M/s", rate / 1e6);
  if (rate >= 1e3) return fmt::format("{:.1f} k/s", rate / 1e3);
  if (rate >= 1) return fmt::format("{:.1f}/s", rate);
  if (60 * rate >= 1) return fmt::format("{:.1f}/min", 60 * rate);
  return fmt::format("{:.1f}/h", 3600 * rate);
}

constexpr std::size_t causes_told = 8;

std::string indented(const std::string& lines) {
  std::string text;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) text += "\n    " + line;
  return text;
}

}  // namespace

std::string remaining_text(std::chrono::duration<double> left) {
  return left < 8760h ? duration_text(std::chrono::duration_cast<Clock::duration>(left)) : "years";
}

std::string progress_text(const talk::Stand& stand) {
  const double seconds = std::chrono::duration<double>(stand.elapsed).count();
  const double rate = seconds > 0 ? static_cast<double>(stand.done) / seconds : 0;
  std::string text = fmt::format("{}/{} done", stand.done, stand.tasks);
  if (stand.tasks > 0)
    text +=
        fmt::format(" ({:.0f} %)",  // 100 % only when all is done
                    std::floor(100.0 * static_cast<double>(stand.done) / static_cast<double>(stand.tasks)));
  if (stand.failed > 0) text += fmt::format(", {} failed", stand.failed);
  if (stand.done > 0 && stand.done < stand.tasks) {
    const std::chrono::duration<double> left(static_cast<double>(stand.tasks - stand.done) / rate);
    text += fmt::format(", {}, {} left", rate_text(rate), remaining_text(left));
  }
  // Users may never have heard of slots.
  if (stand.idle > 0) text += fmt::format(", {} of {} idle", stand.idle, count_text(stand.workers, "worker"));
  if (stand.runs > 1)
    text += fmt::format(", {} on {}", count_text(stand.runs, "run"), count_text(stand.hosts, "host"));
  return text;
}

std::string left_text(std::uint64_t left, std::uint64_t count,
                      const std::optional<std::chrono::duration<double>>& work, std::uint32_t workers) {
  std::string text = fmt::format("{} of {} tasks are left", left, count);
  if (work)
    text += fmt::format(", about {} with {}", remaining_text(*work / workers), count_text(workers, "worker"));
  return text;
}

std::string count_text(std::uint64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

Reporter::Reporter(std::string name, Progress progress, Time begin)
    : name_(std::move(name)), is_on_terminal_(shown_on_terminal()), progress_(progress) {
  if (progress_ == Progress::automatic) progress_ = is_on_terminal_ ? Progress::line : Progress::log;

  pause_ = progress_ == Progress::line ? line_pause : first_pause;
  due_ = progress_ == Progress::off ? Time::max() : begin + pause_;
}

void Reporter::say(const std::string& line) {
  if (progress_ == Progress::off) return;
  const std::string text = fmt::format("tasker: {}: {}\n", name_, line);
  if (std::exchange(line_open_, false))
    base::say_instead(text);
  else
    base::say(text);
}

void Reporter::update(const talk::Stand& stand) {
  const std::string text = progress_text(stand);
  if (progress_ == Progress::line) {
    base::say_instead(fmt::format("tasker: {}: {}", name_, text));
    line_open_ = true;
  } else {
    say(text);
    pause_ = std::min(2 * pause_, longest_pause);
  }
  due_ = Clock::now() + pause_;
}

void Reporter::end() {
  if (std::exchange(line_open_, false)) base::say_instead("");
}

TasksFailed tasks_failed(const talk::Tally& tally, const std::string& name, std::uint64_t count,
                         std::uint64_t reused, const std::string& stop) {
  std::string message = fmt::format("{} of {} tasks failed{}", tally.failed, count, stop);
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
