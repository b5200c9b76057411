#include "tool/batch_script.hpp"

#include "cluster/slurm_time.hpp"
#include "tool/words.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace tasker::tool {

namespace {

constexpr std::chrono::seconds least_limit_to_drain{600};
constexpr std::chrono::seconds most_to_drain{120};

/// One flag behind #SBATCH; sbatch takes quotes much as a shell does.
std::string flag_line(const std::string& flag) {
  if (flag.find('\n') != flag.npos) throw UsageError("a flag for sbatch can't have two lines");
  if (flag.find_first_of(" \t\"'\\#") == flag.npos) return "#SBATCH " + flag + "\n";
  std::string text;
  for (const char c : flag) text += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return "#SBATCH \"" + text + "\"\n";
}

/// The indices of an array, as sbatch takes them. To sbatch a number alone is one index; here it is how many.
std::string indices(const std::string& array) {
  const std::string count = array.substr(0, array.find('%'));
  const bool is_number = !count.empty() && count.find_first_not_of("0123456789") == count.npos;
  return is_number ? "1-" + array : array;
}

}  // namespace

std::string name_of(const BatchJob& job) {
  return std::filesystem::path(job.program.front()).filename().string();
}

std::optional<long> drain_seconds(const std::string& time) {
  if (time.empty() || time == "UNLIMITED" || time == "INFINITE") return std::nullopt;
  // A number alone is minutes here.
  const bool is_number = time.find_first_of(":-") == time.npos;
  const auto limit = cluster::parse_slurm_duration(is_number ? time + ":00" : time);
  if (!limit) throw UsageError("--time " + time + ": such as 30, for minutes, 12:00:00 or 2-00 is wanted");
  if (*limit < least_limit_to_drain) return std::nullopt;
  return std::min(*limit / 10, most_to_drain).count();
}

std::string batch_script(const BatchJob& job) {
  const std::string name = name_of(job);
  std::string text =
      "#!/bin/bash\n"
      "# Written by tasker submit; `sbatch " +
      quoted(name + ".sbatch") + "` submits it once more.\n";
  const auto flag = [&text](const std::string& words) { text += flag_line(words); };
  flag("--job-name=" + name);
  if (!job.array.empty()) flag("--array=" + indices(job.array));
  flag("--output=" + name + (job.array.empty() ? "-%j.out" : "-%A_%a.out"));
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
      "reach it: USR1,\n"
      "# shortly before the end, lets it finish what runs; TERM ends it.\n";
  if (job.requeues > 0)
    text +=
        "# When it is stopped early, by those or by the time limit, but not by scancel, it puts this job "
        "back into the queue.\n";
  if (!job.array.empty())
    text +=
        "# The jobs of the array join each other. Once all is done, those that still wait are cancelled.\n";
  text += "exec " + quoted(job.tool) + " launch";
  if (job.requeues > 0) text += " --requeue " + std::to_string(job.requeues);
  if (!job.array.empty()) text += " --array";
  for (const std::string& word : job.program) text.append(" ").append(quoted(word));
  return text + "\n";
}

}  // namespace tasker::tool
