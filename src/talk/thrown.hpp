#pragma once

#include "talk/tally.hpp"

#include <cstdint>
#include <exception>
#include <string>
#include <tuple>
#include <vector>

namespace tasker::talk {

/// An exception on its way to other ranks, or to another thread.
struct Thrown {
  std::string type;  ///< Which one of Tasker's; empty: nothing was thrown.
  std::int32_t exit_code = 0;
  std::string message;
  std::uint64_t failed = 0;  ///< As in TasksFailed, like what follows.
  std::uint64_t total = 0;
  std::vector<TaskFailure> first = {};

  explicit operator bool() const { return !type.empty(); }
  auto fields() { return std::tie(type, exit_code, message, failed, total, first); }
};

Thrown describe(const std::exception_ptr& exception);

/// Throws the exception that is handled, to be called in its handler. Where it is none of Tasker's, for the
/// system refused something: as the SystemError that the others are told.
[[noreturn]] void rethrow_as_error();

/// The exit code that a rank tells of its failure; `otherwise` for what would look like success.
int failure_code(std::int32_t told, int otherwise);

/// For throwing it alike here.
std::exception_ptr to_exception(const Thrown& thrown);

}  // namespace tasker::talk
