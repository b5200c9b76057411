#pragma once

#include <type_traits>

namespace tasker::detail {

/// Whether a container's `Part`, made from nothing, is every other one's equal.
template <class Part>
concept Interchangeable = std::is_empty_v<Part> && std::is_default_constructible_v<Part>;

/// What is read is made from nothing, without the comparator, hash and allocator of what was written. A set
/// that is ordered by a function pointer would call none then.
template <class T>
constexpr bool is_stateless() {
  bool all = true;
  if constexpr (requires { typename T::key_compare; })
    all = all && Interchangeable<typename T::key_compare>;
  else if constexpr (requires { typename T::value_compare; })
    all = all && Interchangeable<typename T::value_compare>;
  if constexpr (requires { typename T::hasher; }) all = all && Interchangeable<typename T::hasher>;
  if constexpr (requires { typename T::key_equal; }) all = all && Interchangeable<typename T::key_equal>;
  if constexpr (requires { typename T::allocator_type; })
    all = all && Interchangeable<typename T::allocator_type>;
  return all;
}
template <class T>
concept Stateless = is_stateless<T>();

}  // namespace tasker::detail
