#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace png {

using Pixel = std::array<std::uint8_t, 3>;  ///< red, green, blue

inline std::string big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

inline std::string chunk(const std::string& type, const std::string& data) {
  std::uint32_t crc = 0xffffffff;
  for (const char byte : type + data) {
    crc ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return big_endian(static_cast<std::uint32_t>(data.size())) + type + data + big_endian(~crc);
}

/// A zlib stream that is not compressed.
inline std::string stored(std::string_view data) {
  std::string out = "\x78\x01";
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const char byte : data) {
    a = (a + static_cast<std::uint8_t>(byte)) % 65521;
    b = (b + a) % 65521;
  }
  do {
    const std::string_view block = data.substr(0, 65535);
    data.remove_prefix(block.size());
    const auto size = static_cast<std::uint16_t>(block.size());
    for (const unsigned number : {unsigned{size}, ~unsigned{size}})
      out.insert(out.end(), {static_cast<char>(number), static_cast<char>(number >> 8)});
    out.insert(out.size() - 4, 1, data.empty() ? '\1' : '\0');
    out += block;
  } while (!data.empty());
  return out + big_endian((b << 16) | a);
}

/// Writes the picture whose pixel in column `x` and row `y` is `pixel(x, y)`.
template <class PixelAt>
void write(const std::filesystem::path& path, std::uint32_t width, std::uint32_t height, PixelAt pixel) {
  std::string rows;
  for (std::uint32_t y = 0; y < height; ++y) {
    rows += '\0';  // this row is not filtered
    for (std::uint32_t x = 0; x < width; ++x)
      for (const std::uint8_t part : Pixel(pixel(x, y))) rows += static_cast<char>(part);
  }
  const std::string header = big_endian(width) + big_endian(height) + std::string("\x08\x02\0\0\0", 5);
  std::ofstream file(path, std::ios::binary);
  file << "\x89PNG\r\n\x1a\n" << chunk("IHDR", header) << chunk("IDAT", stored(rows)) << chunk("IEND", "");
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace png
