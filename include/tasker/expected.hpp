#pragma once

#include <utility>

namespace tasker {

/// What `expected` returns.
template <class Fn>
struct Expected {
  Fn duration_of;
};

/// How long tasks will last, if you know: `duration_of(arg)`, or `duration_of(a, b, ...)` for tuple-likes,
/// returns a std::chrono duration. Follows the options of `Tasker::map`:
///
///     tasker.map("sums.dat", fn, sizes, {.order = tasker::Order::longest_first},
///                tasker::expected([](int size) { return 2s * size; }));
///
/// It decides which tasks still fit into the time that is left, and, with `Order::longest_first`, which come
/// first. It need not be exact: by which factor it is wrong is learnt from the tasks that have ended. It is
/// called on rank 0, once for each argument; that costs rank 0 about 100 bytes for each.
template <class Fn>
Expected<Fn> expected(Fn duration_of) {
  return {std::move(duration_of)};
}

}  // namespace tasker
