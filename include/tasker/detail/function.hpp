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

/// Whether Linux puts a program, its heap, its libraries or its stack there (x86-64 and ARM).
inline bool looks_like_address(std::uint64_t word) {
  const std::uint64_t upper = word >> 32;
  const auto within = [upper](std::uint64_t first, std::uint64_t last) {
    return first <= upper && upper <= last;
  };
  return within(0x5500, 0x57ff) || within(0x7e00, 0x7fff) || within(0xaaaa, 0xaaaf) || within(0xfff0, 0xffff);
}

/// An address may differ where what is there is equal, and the other way round.
inline void drop_addresses(std::string& bytes) {
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= bytes.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, &bytes[at], sizeof word);
    if (looks_like_address(word)) std::memset(&bytes[at], 0, sizeof word);
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
      if constexpr (std::is_class_v<Fn> && alignof(Fn) >= alignof(void*)) drop_addresses(function.captured);
    }
  }
  return function;
}

}  // namespace tasker::detail
