#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <typeindex>

namespace tasker::detail {

/// Identifies a function of the program, within one process.
struct Function {
  std::type_index type = typeid(void);
  /// The bytes of its captures; empty if they can't be compared.
  std::string captured;

  bool operator==(const Function&) const = default;
};

/// Fills every word with zeros that is an address in this process: equal captures may hold different
/// addresses, and different captures equal ones.
void drop_addresses(std::string& bytes);

template <class Fn>
Function function_of(const Fn& fn) {
  Function function{typeid(Fn), {}};
  if constexpr (std::is_trivially_copyable_v<Fn> && std::is_copy_constructible_v<Fn> &&
                !std::is_empty_v<Fn>) {
    Fn copy(fn);
#if __has_builtin(__builtin_clear_padding)
    __builtin_clear_padding(std::addressof(copy));
    constexpr bool comparable = true;
#else
    constexpr bool comparable = std::has_unique_object_representations_v<Fn>;
#endif
    if constexpr (comparable) {
      function.captured.resize(sizeof copy);
      std::memcpy(function.captured.data(), std::addressof(copy), sizeof copy);
      if constexpr (std::is_class_v<Fn> && alignof(Fn) >= alignof(void*)) drop_addresses(function.captured);
    }
  }
  return function;
}

}  // namespace tasker::detail
