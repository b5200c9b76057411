#pragma once

#include "base/file.hpp"
#include "base/scratch.hpp"

#include <tasker/detail/call.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace tasker::runtime {

/// The arguments of a map, encoded. Those that can be read without code of the program's are read where they
/// are, whenever they are needed. All others are made once each, in order, on the main thread, and are read
/// from scratch space ever after.
class Arguments {
 public:
  /// `call` must outlive this.
  explicit Arguments(const detail::MapCall& call);

  // The main thread:

  /// Makes some more, for a few milliseconds; false once all are made. Throws Error where one can't be made.
  bool make_more();
  /// Makes the first `count`, or more.
  void make(std::uint64_t count);
  /// Calls `visit` with the bytes of each, in order, until it returns false; makes those that are not.
  void each(const std::function<bool(std::string_view argument)>& visit);

  // Any thread:

  /// How many of the first can be read.
  std::uint64_t made() const { return made_; }
  bool all_made() const { return made() == call_.count; }
  /// Appends the arguments from `first` up to, not including, `last`, each behind its size (u64), and stops
  /// when `out` has reached `most` bytes. Returns how many it appended: one at least. They must be made.
  std::uint64_t append(std::uint64_t first, std::uint64_t last, std::size_t most, std::string& out) const;
  std::string operator[](std::uint64_t index) const;

 private:
  struct Block {
    std::uint64_t first = 0;  // argument
    std::uint64_t at = 0;     // of its bytes
  };
  std::uint64_t encode(std::uint64_t first, std::uint64_t most, std::string& out) const;
  void keep(std::string_view block);
  std::string read(std::uint64_t at, std::uint64_t size) const;

  const detail::MapCall& call_;
  std::atomic<std::uint64_t> made_;
  mutable std::mutex mutex_;
  base::ScratchArray<Block> blocks_;
  base::File written_;  // all bytes but for …
  std::uint64_t recent_at_ = 0;
  std::string recent_;  // … the last ones, from there on
};

}  // namespace tasker::runtime
