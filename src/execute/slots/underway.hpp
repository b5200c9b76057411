#pragma once

#include "execute/slots/child.hpp"
#include "execute/slots/slot_child.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tasker::execute::slots {

/// What became of a task whose child has ended, until that is recorded.
struct Verdict {
  ChildEnd end;
  std::chrono::nanoseconds lasted{0};
};

/// An order for a slot's child, and how far it has come.
struct Underway {
  Order order;
  std::string_view arguments;  ///< Those of its tasks: a view into the chunk's, which outlives this.
  std::uint64_t size = 0;
  std::uint64_t before = 0;             ///< Tasks that its state counts before the first of these.
  std::uint64_t recorded = 0;           ///< Tasks that are.
  std::uint32_t failures = 0;           ///< Of the next one, within this order.
  bool fresh = false;                   ///< For a child that has executed nothing yet.
  std::optional<Verdict> verdict = {};  ///< On its only task, which is not to be executed any more.

  /// The index of a task, counted within the order.
  std::uint64_t index(std::uint64_t place) const;
  /// The argument of the task with this index; nothing if that is another order's.
  std::optional<std::string_view> argument(std::uint64_t index) const;
  /// How often the task at `place` was tried before, if it has failed so often within this order.
  std::uint32_t tries(std::uint64_t place, std::uint32_t its_failures) const {
    return its_failures + (place == 0 ? order.tries : 0);
  }
  /// The attempt that the first task is.
  std::uint32_t attempt() const;
  void set_attempt(std::uint32_t attempt);
  /// The tasks from `first` up to, not including, `last`; `again`: as in an Order.
  Underway part(std::uint64_t first, std::uint64_t last, bool again) const;
};

}  // namespace tasker::execute::slots
