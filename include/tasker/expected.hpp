#pragma once

#include <utility>

namespace tasker {

/// What `expected` returns; `Tasker::map` takes it.
template <class Fn>
struct Expected {
  Fn duration_of;
};

/// Tells `Tasker::map` how long tasks will last, if you know. `duration_of(arg)`, or `duration_of(a, b, ...)`
/// for tuple-likes, returns a std::chrono duration. Comes behind the options:
///
///     tasker.map("sums.dat", fn, sizes, {.order = tasker::Order::longest_first},
///                tasker::expected([](int size) { return 2s * size; }));
///
/// The durations decide which tasks still fit into the time that is left, and, with `Order::longest_first`,
/// which tasks come first. They need not be exact: Tasker learns from finished tasks by which factor they are
/// wrong. `duration_of` is called on rank 0, once for each argument, and costs rank 0 about 100 bytes each.
template <class Fn>
Expected<Fn> expected(Fn duration_of) {
  return {std::move(duration_of)};
}

}  // namespace tasker
