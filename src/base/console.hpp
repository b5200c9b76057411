#pragma once

#include <string>
#include <string_view>

namespace tasker::base {

/// The text with control characters written as \x1b, so that a terminal shows them instead of obeying them.
/// Line ends and tabs stay.
std::string escaped(std::string_view text);

/// Writes `text`, escaped, to stderr in one piece, so that messages of several ranks do not mix. Failures are
/// ignored.
void say(std::string_view text);
/// The same, in place of the terminal's current line.
void say_instead(std::string_view text);

}  // namespace tasker::base
