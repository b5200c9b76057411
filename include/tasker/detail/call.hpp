#pragma once

#include <tasker/detail/bytes.hpp>
#include <tasker/detail/function.hpp>
#include <tasker/detail/steps.hpp>
#include <tasker/options.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

/// A call of `map` without its types: templates make a MapCall, the library runs it.
namespace tasker::detail {

struct MapCall {
  std::filesystem::path path;
  Options options;
  std::string argument_type;  ///< A schema (see archive.hpp), as is the next one.
  std::string result_type;
  std::uint64_t count = 0;  ///< Number of arguments; counts on rank 0 only.
  /// The bytes that each argument takes; nothing if that depends on the argument.
  std::optional<std::size_t> argument_size;
  /// Takes the next one of arguments that lie one behind the other. If they have no `argument_size`, each is
  /// behind its own size (u64).
  std::string_view take_argument(Reader& in) const {
    return in.bytes(argument_size ? *argument_size : in.number<std::uint64_t>());
  }
  /// Appends the arguments from `first` up to, not including, `last` to `out`, for `take_argument`.
  /// Stops when `out` has reached `most` bytes. Returns how many arguments it appended, at least one. If it
  /// throws, the arguments before the failing one have been appended. Called on rank 0 only.
  std::function<std::uint64_t(std::uint64_t first, std::uint64_t last, std::size_t most, std::string& out)>
      encode_arguments;
  /// Whether encode_arguments runs no code of the program. Then it may be called again, and by any thread.
  bool in_place = false;
  /// The expected seconds of the task with these argument bytes; empty if nobody knows. Called on rank 0
  /// only.
  std::function<double(std::string_view argument)> expected;
  Function function;  ///< `fn`
  /// Calls `fn` for the steps of one chunk.
  std::function<void(Steps&)> execute;
};

}  // namespace tasker::detail
