#pragma once

#include <string>

/// The words of command lines.
namespace tasker::tool {

/// Throws UsageError unless `name` is a program: a path, or a name in PATH.
void require_program(const std::string& name);

/// The word, quoted for a shell if necessary.
std::string quoted(const std::string& word);

}  // namespace tasker::tool
