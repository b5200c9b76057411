#pragma once

#include <tasker/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace tasker::execute {

/// What users are told of a task that failed. `output` is encoded as in a record.
TaskFailure failure_of(std::uint64_t index, std::string_view message, std::string_view output = {});

/// The last lines that an attempt wrote to stderr, or to stdout if it wrote nothing to stderr: a few,
/// escaped, with a line end between any two. `output` is encoded as in a record.
std::string last_lines(std::string_view output);

}  // namespace tasker::execute
