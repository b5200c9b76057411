#include "tool/program.hpp"

#include <tasker/error.hpp>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace tasker::tool {

void require_program(const std::string& name) {
  const auto runs = [](const std::string& path) {
    return ::access(path.c_str(), X_OK) == 0 && !std::filesystem::is_directory(path);
  };
  if (name.find('/') != name.npos) {
    if (!runs(name)) throw UsageError("cannot run " + name + ": there is no such program; check the path");
    return;
  }
  const char* const path = std::getenv("PATH");
  std::istringstream list(path ? path : "");
  for (std::string folder; std::getline(list, folder, ':');)
    if (runs(std::filesystem::path(folder) / name)) return;
  throw UsageError("cannot run " + name + ": it is not in PATH; type ./" + name +
                   " for one in this directory");
}

std::vector<std::string> words_behind(const CLI::App& subcommand) {
  std::vector<std::string> words = subcommand.remaining();
  // What is behind a `--` comes to the command itself.
  for (const std::string& word : subcommand.get_parent()->remaining()) words.push_back(word);
  return words;
}

}  // namespace tasker::tool
