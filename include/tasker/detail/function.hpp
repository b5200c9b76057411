#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <typeindex>

namespace tasker::detail {

/// Which function of the program it is, within one process.
struct Function {
  std::type_index type = typeid(void);
  /// What it has captured, as far as that can be compared; empty where it can't.
  std::string captured;

  bool operator==(const Function&) const = default;
};

/// An address says nothing of what is there: neither changes with the other. No number that people use looks
/// like one, or hardly any.
inline void drop_addresses(std::string& bytes) {
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= bytes.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, &bytes[at], sizeof word);
    if (word >> 32 >= 0x5000 && word >> 32 <= 0xffff) std::memset(&bytes[at], 0, sizeof word);
  }
}

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
      if constexpr (std::is_class_v<Fn>) drop_addresses(function.captured);
    }
  }
  return function;
}

}  // namespace tasker::detail
