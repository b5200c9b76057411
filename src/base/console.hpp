#pragma once

#include <string_view>

namespace tasker::base {

/// Writes `text` to stderr in one piece, so that what several ranks say does not mix. Failures are ignored.
void say(std::string_view text);

}  // namespace tasker::base
