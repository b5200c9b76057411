#pragma once

#include <exception>
#include <string>

/// Messages of exceptions of every type: programs throw what they like.
namespace tasker::base {

/// The exception's message, then those of the exceptions nested in it (std::throw_with_nested), a few levels
/// deep: "step 7 failed: cannot open mesh.h5".
std::string text_of(const std::exception_ptr& exception);
/// The same, each message with its exception's type: "std::runtime_error: no such file".
std::string typed_text_of(const std::exception_ptr& exception);

}  // namespace tasker::base
