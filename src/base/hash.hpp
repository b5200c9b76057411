#pragma once

#include <tasker/digest.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// XXH3 (xxhash.h): fast, not cryptographic. Values are stored in files and never change.
namespace tasker::base {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);
/// The hash of `a` followed by `b`, without copying them together.
std::uint64_t hash64(std::string_view a, std::string_view b, std::uint64_t seed);
Digest hash128(std::string_view bytes, std::uint64_t seed = 0);
/// The same hash of bytes that come in parts; an empty part is the end.
Digest hash128(const std::function<std::string_view()>& next_part);

/// 32 hexadecimal digits, high half first.
std::string to_hex(const Digest& digest);
/// 16 hexadecimal digits.
std::string to_hex(std::uint64_t value);
/// The reverse; false if `text` is not exactly 16 or 32 hexadecimal digits.
bool from_hex(std::string_view text, std::uint64_t& value);
bool from_hex(std::string_view text, Digest& digest);

/// 64 random bits from the kernel: unique for all runs that will ever meet.
std::uint64_t random_id();

}  // namespace tasker::base
