#pragma once

#include "base/packed.hpp"

#include <tasker/options.hpp>

#include <tuple>

namespace tasker {

/// By which they travel.
inline auto fields_of(Options& options) {
  auto& [version, inputs, seed, durability, on_failure, isolation, slots, root_computes, retries, timeout,
         memory_limit, capture, lost_after, max_lost, deadline, time_limit, order, keep_arguments, shared,
         keep_directory, columns, progress] = options;
  return std::tie(version, inputs, seed, durability, on_failure, isolation, slots, root_computes, retries,
                  timeout, memory_limit, capture, lost_after, max_lost, deadline, time_limit, order,
                  keep_arguments, shared, keep_directory, columns, progress);
}

}  // namespace tasker

template <>
struct tasker::detail::Codec<tasker::Options> : FieldsCodec<Options> {};
