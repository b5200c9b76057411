#include "tool/batch_script.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

namespace tasker::tool {

namespace {

constexpr long least_limit_to_drain = 600;
constexpr long most_to_drain = 120;
/// A century is no limit; and no sum overflows.
constexpr long most_number = 36500L * 86400;

/// One word for the shell.
std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') ||
           std::string_view("_-+=./,:@%").find(c) != std::string_view::npos;
  });
  if (plain) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// One flag behind #SBATCH; sbatch takes quotes much as a shell does.
std::string flag_line(const std::string& flag) {
  if (flag.find('\n') != flag.npos) throw UsageError("a flag for sbatch can't have two lines");
  if (flag.find_first_of(" \t\"'\\#") == flag.npos) return "#SBATCH " + flag + "\n";
  std::string text;
  for (const char c : flag) text += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return "#SBATCH \"" + text + "\"\n";
}

/// "90", "1:30", "2:00:00", "1-12", "1-12:30" or "1-12:30:00": minutes, unless there are colons or days.
std::optional<long> seconds_of(std::string_view time) {
  std::vector<long> numbers;
  bool days = false;
  while (true) {
    long number = 0;
    const auto [end, error] = std::from_chars(time.data(), time.data() + time.size(), number);
    if (error != std::errc{} || number < 0 || number > most_number) return std::nullopt;
    numbers.push_back(number);
    time.remove_prefix(static_cast<std::size_t>(end - time.data()));
    if (time.empty()) break;
    if (time.front() == '-' && numbers.size() == 1)
      days = true;
    else if (time.front() != ':')
      return std::nullopt;
    time.remove_prefix(1);
  }
  if (numbers.size() > (days ? 4U : 3U)) return std::nullopt;
  if (!days && numbers.size() == 1) return numbers[0] * 60;
  if (!days) numbers.insert(numbers.begin(), 4 - numbers.size(), 0);
  numbers.resize(4);
  return ((numbers[0] * 24 + numbers[1]) * 60 + numbers[2]) * 60 + numbers[3];
}

}  // namespace

std::string name_of(const BatchJob& job) {
  return std::filesystem::path(job.program.front()).filename().string();
}

std::optional<long> drain_seconds(const std::string& time) {
  if (time.empty() || time == "UNLIMITED" || time == "INFINITE") return std::nullopt;
  const auto limit = seconds_of(time);
  if (!limit) throw UsageError("--time " + time + ": such as 30, for minutes, 12:00:00 or 2-00 is wanted");
  if (*limit < least_limit_to_drain) return std::nullopt;
  return std::min(*limit / 10, most_to_drain);
}

std::string batch_script(const BatchJob& job) {
  const std::string name = name_of(job);
  std::string text =
      "#!/bin/bash\n"
      "# Written by tasker submit; `sbatch " +
      quoted(name + ".sbatch") + "` submits it once more.\n";
  const auto flag = [&text](const std::string& words) { text += flag_line(words); };
  flag("--job-name=" + name);
  flag("--output=" + name + "-%j.out");
  flag("--open-mode=append");
  flag("--export=ALL");
  flag(job.requeues > 0 ? "--requeue" : "--no-requeue");
  if (!job.time.empty()) flag("--time=" + job.time);
  if (const auto seconds = drain_seconds(job.time)) flag("--signal=B:USR1@" + std::to_string(*seconds));
  for (const std::string& words : job.flags) flag(words);
  text += "\n";
  for (const auto& [variable, value] : job.variables)
    text += "export " + variable + "=" + quoted(value) + "\n";
  if (!job.variables.empty()) text += "\n";
  text +=
      "# Ranks and hosts may die under tasker launch. It takes this shell's place, so that Slurm's signals "
      "reach it: "
      "USR1,\n"
      "# shortly before the end, lets it finish what runs; TERM ends it.\n";
  if (job.requeues > 0)
    text +=
        "# When it is stopped early, by those or by the time limit, but not by scancel, it puts this job "
        "back into the "
        "queue.\n";
  text += "exec " + quoted(job.tool) + " launch";
  if (job.requeues > 0) text += " --requeue " + std::to_string(job.requeues);
  for (const std::string& word : job.program) text += " " + quoted(word);
  return text + "\n";
}

}  // namespace tasker::tool
