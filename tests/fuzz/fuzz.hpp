#pragma once

#include "base/hash.hpp"
#include "support/store_fixture.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/detail/result_source.hpp>
#include <tasker/error.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

/// What the fuzzing targets have in common; each is one file that defines `use` and `repair`. What must hold
/// for all bytes whatsoever: no crash, no report of a sanitizer, no large allocation, no endless loop, and no
/// exceptions but our own.
namespace tasker::fuzz {

/// Does with `input` all that the library does with bytes that it did not write.
void use(std::string_view input);

/// Makes sizes and checksums fit, so that fuzzing gets beyond them.
void repair(std::string& bytes);

/// Calls `action`; whether it found nothing to complain of.
template <class Action>
bool accepts(Action action) {
  try {
    action();
    return true;
  } catch (const Error&) {
    return false;
  }
}

template <class Number>
void set(std::string& bytes, std::size_t at, Number value) {
  std::string text;
  detail::put(text, value);
  bytes.replace(at, text.size(), text);
}

/// For a sanitizer to see that all of it is there.
inline void touch(std::string_view bytes) {
  static volatile std::uint64_t sum = 0;
  sum = sum + base::hash64(bytes);
}

/// Reads all that a user can read; whether all of it was there.
inline bool read_all(const detail::ResultSource& source) {
  bool whole = true;
  const auto read = [&](std::uint64_t i) {
    const auto look = [&](auto get) {
      whole = accepts([&] {
                if (const auto bytes = get()) touch(*bytes);
              }) &&
              whole;
    };
    look([&] { return source.result(i); });
    look([&] { return source.failure(i); });
    look([&] { return source.argument(i); });
    whole = accepts([&] { (void)source.info(i); }) && whole;
  };
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(source.size(), 64); ++i) read(i);
  if (source.size() > 64) read(source.size() - 1);
  return whole;
}

}  // namespace tasker::fuzz

// The functions that libFuzzer calls and offers.
extern "C" {

std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tasker::fuzz::use({reinterpret_cast<const char*>(data), size});
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 == 0) return size;  // as damage leaves it
  std::string bytes(reinterpret_cast<const char*>(data), size);
  tasker::fuzz::repair(bytes);
  if (bytes.size() > most) return size;
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

}  // extern "C"
