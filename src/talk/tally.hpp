#pragma once

#include "base/packed.hpp"

#include <tasker/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace tasker {

/// By which it travels.
inline auto fields_of(TaskFailure& failure) {
  return std::tie(failure.index, failure.message, failure.count, failure.output);
}

}  // namespace tasker

template <>
struct tasker::detail::Codec<tasker::TaskFailure> : FieldsCodec<TaskFailure> {};

namespace tasker::talk {

/// What became of tasks: of those of a chunk, of a map.
struct Tally {
  std::uint64_t tasks = 0;  ///< That were executed and are recorded, failed ones included.
  std::uint64_t failed = 0;
  /// Those of equal cause together, in the order of their first tasks. Where there are very many causes,
  /// those that came up first, by index.
  std::vector<TaskFailure> failures = {};
  std::chrono::nanoseconds busy{0};  ///< Of who executed them.

  void add(const Tally& other);
  /// Counts tasks that failed.
  void add_failure(const TaskFailure& failure);
  /// `most` of the causes, those of the most tasks, in the same order.
  std::vector<TaskFailure> largest(std::size_t most) const;

  auto fields() { return std::tie(tasks, failed, failures, busy); }

 private:
  void insert(TaskFailure failure);
};

}  // namespace tasker::talk
