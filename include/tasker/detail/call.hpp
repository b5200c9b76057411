#pragma once

#include <tasker/detail/function.hpp>
#include <tasker/detail/steps.hpp>
#include <tasker/options.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

/// What `map` becomes once types are gone: the templates make a MapCall, the library runs it.
namespace tasker::detail {

struct MapCall {
  std::filesystem::path path;
  Options options;
  std::string argument_type;  ///< Schemas (see archive.hpp).
  std::string result_type;
  std::uint64_t count = 0;  ///< Number of arguments; counts on rank 0 only.
  /// Appends the arguments from `first` up to, not including, `last`, each behind its size (u64), and stops
  /// when `out` has reached `most` bytes. Returns how many it appended: one at least. Called on rank 0 only.
  /// Where it throws, those before that one have been appended.
  std::function<std::uint64_t(std::uint64_t first, std::uint64_t last, std::size_t most, std::string& out)>
      encode_arguments;
  /// Whether no code of the program's is needed for that, so that it may be called again, and by any thread.
  bool in_place = false;
  /// How many seconds the task with these argument's bytes is expected to last; empty where nobody knows.
  /// Called on rank 0 only.
  std::function<double(std::string_view argument)> expected;
  Function function;  ///< `fn`
  /// Calls `fn` for the steps of one chunk.
  std::function<void(Steps&)> execute;
};

}  // namespace tasker::detail
