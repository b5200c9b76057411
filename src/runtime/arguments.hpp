#pragma once

#include "base/file.hpp"
#include "base/mutex.hpp"
#include "base/scratch.hpp"

#include <tasker/detail/call.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace tasker::runtime {

/// The encoded arguments of a map. If reading them runs no code of the program (MapCall::in_place), they are
/// encoded whenever they are needed. Otherwise the main thread makes each argument once, in order, and keeps
/// it in scratch space.
class Arguments {
 public:
  /// `call` must outlive this.
  explicit Arguments(const detail::MapCall& call);

  // The main thread:

  /// Makes more arguments for a few milliseconds; false once all are made. Throws Error if one can't be made.
  bool make_more();
  /// Makes the first `count` arguments, and perhaps more.
  void make(std::uint64_t count);
  /// Calls `visit` with all encoded arguments, in order, until it returns false: with several at a time if
  /// they have the same size, one behind the other. Makes arguments as needed.
  void each_run(const std::function<bool(std::string_view arguments, std::uint64_t count)>& visit);
  /// The same for each argument alone.
  void each(const std::function<bool(std::string_view argument)>& visit);

  // Any thread:

  /// Digest of all arguments, which must be made: two lists are the same if their digests are.
  Digest digest() const;
  /// How many arguments, from the first one on, can be read.
  std::uint64_t made() const { return made_; }
  bool all_made() const { return made() == call_.count; }
  /// Appends the arguments from `first` up to, not including, `last` to `out`, for MapCall::take_argument.
  /// Stops when `out` has reached `most` bytes. Returns how many arguments it appended, at least one. They
  /// must be made.
  std::uint64_t append(std::uint64_t first, std::uint64_t last, std::size_t most, std::string& out) const;
  std::string operator[](std::uint64_t index) const;

 private:
  /// Arguments of various sizes that lie together, so that only the place of the first one is kept.
  struct Block {
    std::uint64_t first = 0;  // index of its first argument
    std::uint64_t at = 0;     // where its bytes begin
  };
  std::uint64_t encode(std::uint64_t first, std::uint64_t most, std::string& out) const;
  void keep(std::string_view block) TASKER_REQUIRES(mutex_);
  /// Appends so many bytes to `out`.
  void read(std::uint64_t at, std::uint64_t size, std::string& out) const TASKER_REQUIRES(mutex_);

  const detail::MapCall& call_;
  std::atomic<std::uint64_t> made_;
  mutable base::Mutex mutex_;
  base::ScratchArray<Block> blocks_ TASKER_GUARDED_BY(mutex_);
  base::File written_ TASKER_GUARDED_BY(mutex_);  // the bytes before `recent_at_`
  std::uint64_t recent_at_ TASKER_GUARDED_BY(mutex_) = 0;
  std::string recent_ TASKER_GUARDED_BY(mutex_);  // the bytes from there on
};

}  // namespace tasker::runtime
