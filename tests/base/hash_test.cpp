#include "base/hash.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace tasker::base {
namespace {

// The first is among XXH3's published values.
TEST_CASE("Hashes are what they were when the first file was written") {
  CHECK(to_hex(hash64("")) == "2d06800538d394c2");
  CHECK(to_hex(hash64("tasker")) == "66d20f68bbca244a");
  CHECK(to_hex(hash64("tasker", 7)) == "4b88be291a2bc889");
  CHECK(to_hex(hash128("tasker")) == "f199ce2db4162a0837d252d35db47b14");
  CHECK(to_hex(hash128("tasker", 7)) == "038db40fcf81ffb18aad81acec22d919");
}

TEST_CASE("The hash of two parts is that of the whole, wherever it is cut") {
  std::string whole;
  for (int i = 0; i < 1000; ++i) whole.push_back(static_cast<char>(i * 7));
  for (std::size_t cut = 0; cut <= whole.size(); cut += 13)
    REQUIRE(hash64(whole.substr(0, cut), whole.substr(cut), 3) == hash64(whole, 3));
}

TEST_CASE("The hash of many parts is that of the whole") {
  for (const std::size_t size : {0U, 1U, 17U, 240U, 241U, 1024U, 300'000U}) {
    const std::string whole = std::string(size, 'a') + (size > 0 ? "b" : "");
    std::string_view left = whole;
    const auto next_part = [&] {
      const auto part = left.substr(0, 1001);
      left.remove_prefix(part.size());
      return part;
    };
    CHECK(hash128(next_part) == hash128(whole));
  }
}

TEST_CASE("Hexadecimal text is read as it is written, and nothing else is") {
  CHECK(to_hex(std::uint64_t{0xabc}) == "0000000000000abc");
  std::uint64_t value = 0;
  CHECK(from_hex("0000000000000abc", value));
  CHECK(value == 0xabc);
  for (const char* wrong :
       {"", "abc", "0000000000000abg", " 000000000000abc", "00000000000000abc", "-000000000000abc"})
    CHECK_FALSE(from_hex(wrong, value));
  Digest digest;
  CHECK(from_hex("00000000000000010000000000000002", digest));
  CHECK(digest == Digest{2, 1});
  CHECK(to_hex(digest) == "00000000000000010000000000000002");
  CHECK_FALSE(from_hex("0000000000000001000000000000000x", digest));
}

TEST_CASE("Random ids differ") {
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(random_id());
  CHECK(ids.size() == 1000);
}

}  // namespace
}  // namespace tasker::base
