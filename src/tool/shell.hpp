#pragma once

#include <string>

namespace tasker::tool {

/// The word as it is written in a shell's command line.
std::string quoted(const std::string& word);

}  // namespace tasker::tool
