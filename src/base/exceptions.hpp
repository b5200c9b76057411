#pragma once

#include <exception>
#include <string>

/// What is told of an exception, whatever it is: programs throw what they like.
namespace tasker::base {

/// What it says, and what the exceptions that are nested in it say (std::throw_with_nested), a few levels
/// deep: "step 7 failed: cannot open mesh.h5".
std::string text_of(const std::exception_ptr& exception);
/// The same, each with its type: "std::runtime_error: no such file".
std::string typed_text_of(const std::exception_ptr& exception);

}  // namespace tasker::base
