#pragma once

#include "talk/messages.hpp"

#include <exception>

namespace tasker::talk {

/// An exception as rank 0 tells it to the others.
End describe(const std::exception_ptr& exception);

/// Throws the exception that is handled, to be called in its handler. Where it is none of Tasker's, for the
/// system refused something: as the SystemError that the others are told.
[[noreturn]] void rethrow_as_error();

/// The exit code that a rank tells of its failure; `otherwise` for what would look like success.
int failure_code(std::int32_t told, int otherwise);

/// The exception that `end` tells of, for throwing it alike on another rank.
std::exception_ptr to_exception(const End& end);

}  // namespace tasker::talk
