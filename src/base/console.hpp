#pragma once

#include <string>
#include <string_view>

namespace tasker::base {

/// The text with control characters as \x1b, so that a terminal shows and does not obey them; but not line
/// ends and tabs.
std::string escaped(std::string_view text);

/// Writes `text`, escaped, to stderr in one piece, so that what several ranks say does not mix. Failures are
/// ignored.
void say(std::string_view text);
/// The same in place of the line that a terminal is at.
void say_instead(std::string_view text);

}  // namespace tasker::base
