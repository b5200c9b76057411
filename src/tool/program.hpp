#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tasker::tool {

/// Throws UsageError if there is no such program to run: a path, or a name that is in PATH.
void require_program(const std::string& name);

/// The program, its arguments, and options before it that the subcommand does not know; with `--` or without.
std::vector<std::string> words_behind(const CLI::App& subcommand);

}  // namespace tasker::tool
