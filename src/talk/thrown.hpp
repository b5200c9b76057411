#pragma once

#include "talk/tally.hpp"

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

namespace tasker::talk {

/// An exception on its way to other ranks, or to another thread.
struct Thrown {
  std::string type;  ///< Stands for one of Tasker's classes; empty: nothing was thrown.
  std::int32_t exit_code = 0;
  std::string message;
  std::uint64_t failed = 0;  ///< This and the two below: as in TasksFailed.
  std::uint64_t total = 0;
  std::vector<TaskFailure> first = {};

  explicit operator bool() const { return !type.empty(); }
};

Thrown describe(const std::exception_ptr& exception);

/// To be called in a handler: rethrows an exception of Tasker's as it is, and any other as the Error that the
/// other ranks will throw.
[[noreturn]] void rethrow_as_error();

/// `told`, a failed rank's exit code, or `otherwise` if `told` is no exit code of a failure.
int failure_code(std::int32_t told, int otherwise);

/// The exception to throw here, equal to the one that was described.
std::exception_ptr to_exception(const Thrown& thrown);

}  // namespace tasker::talk
