#pragma once

#include <string>
#include <string_view>

namespace tasker::execute {

/// The last lines of what an attempt wrote (to stderr; to stdout if nothing), to be shown beside its failure:
/// a few, escaped, a line end between any two. `output`: as in a record.
std::string last_lines(std::string_view output);

}  // namespace tasker::execute
