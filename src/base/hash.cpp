#include "base/hash.hpp"

#include <sys/random.h>
#define XXH_INLINE_ALL
#include "base/file.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>

namespace tasker::base {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t hash64(std::string_view a, std::string_view b, std::uint64_t seed) {
  if (b.empty()) return hash64(a, seed);
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset_withSeed(&state, seed);
  XXH3_64bits_update(&state, a.data(), a.size());
  XXH3_64bits_update(&state, b.data(), b.size());
  return XXH3_64bits_digest(&state);
}

Digest hash128(std::string_view bytes, std::uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

Digest hash128(const std::function<std::string_view()>& next_part) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_128bits_reset(&state);
  for (std::string_view part = next_part(); !part.empty(); part = next_part())
    XXH3_128bits_update(&state, part.data(), part.size());
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return {hash.low64, hash.high64};
}

std::string to_hex(std::uint64_t value) { return fmt::format("{:016x}", value); }

std::string to_hex(const Digest& digest) { return to_hex(digest.high) + to_hex(digest.low); }

bool from_hex(std::string_view text, std::uint64_t& value) {
  if (text.size() != 16) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

bool from_hex(std::string_view text, Digest& digest) {
  return text.size() == 32 && from_hex(text.substr(0, 16), digest.high) &&
         from_hex(text.substr(16), digest.low);
}

std::uint64_t random_id() {
  std::uint64_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != sizeof id) throw_errno("read random bytes", "from the kernel");
  return id;
}

}  // namespace tasker::base
