#pragma once

#include <tasker/detail/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace tasker {

/// A 128-bit digest of declared inputs (tasker/inputs.hpp); zero means "none declared".
struct Digest {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Digest&) const = default;
};

namespace detail {
/// An argument can carry the digest of a file that it names.
template <>
struct Codec<Digest> {
  static constexpr std::size_t least = 16;
  static std::string schema() { return "(u64,u64)"; }
  static void encode(std::string& out, const Digest& value) { put(out, value.low, value.high); }
  static Digest decode(Reader& in) {
    Digest value;
    in.read(value.low, value.high);
    return value;
  }
};
}  // namespace detail

}  // namespace tasker
