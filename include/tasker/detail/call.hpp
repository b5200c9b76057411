#pragma once

#include <tasker/options.hpp>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

/// What `map` becomes once types are gone: the templates make a MapCall, the library runs it.
namespace tasker::detail {

/// One task as it is about to start. `argument` is valid until the next call of `Steps::next`.
struct Step {
  std::uint64_t index = 0;
  std::uint32_t attempt = 1;
  std::string_view argument;
};

/// What a task asked about itself, and is bound to therefore.
struct Binding {
  bool index = false;
  bool count = false;
};

/// The tasks of a chunk, one after the other: asked before and told after every task. A process boundary fits
/// here.
class Steps {
 public:
  virtual ~Steps() = default;
  /// Starts the next task; false at the end of the chunk, or when what is left was taken back.
  virtual bool next(Step& step) = 0;
  /// Where the started task's result is to be appended.
  virtual std::string& result() = 0;
  virtual void done(Binding binding) = 0;
  virtual void failed(std::exception_ptr exception) = 0;
  /// Number of tasks of the whole map.
  virtual std::uint64_t task_count() const = 0;
};

struct MapCall {
  std::filesystem::path path;
  Options options;
  std::string argument_type;  ///< Schemas (see archive.hpp).
  std::string result_type;
  std::uint64_t count = 0;  ///< Number of arguments; counts on rank 0 only.
  /// Appends the arguments from `first` up to, not including, `last`, each behind its size (u64), and stops
  /// when `out` has reached `limit` bytes. Returns how many it appended: one at least. Called on rank 0 only.
  std::function<std::uint64_t(std::uint64_t first, std::uint64_t last, std::size_t limit, std::string& out)>
      encode_arguments;
  /// Calls `fn` for the steps of one chunk.
  std::function<void(Steps&)> execute;
};

}  // namespace tasker::detail
