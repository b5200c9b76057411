#pragma once

#include "store/frame.hpp"
#include "store/manifest.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tasker::store {

/// What consecutive tasks of one frame have in common. Stored as 64 bytes.
struct Extent {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  FrameInfo info;  ///< `origin` is a place in the archive's table; `together` counts all tasks of the frame.
  std::uint32_t attempt = 1;
  Outcome outcome = Outcome::none;
  std::uint8_t binding = 0;
};
inline constexpr std::size_t extent_size = 64;

std::string to_bytes(const Extent& extent);
Extent extent_from_bytes(std::string_view bytes);

/// Size of one entry in the index of outputs: a task's index, offset and size of what it wrote.
inline constexpr std::size_t output_entry_size = 24;

/// A part of the archive. `offset` is its place in the file.
struct Section {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

namespace section {
inline constexpr const char* results = "results";
inline constexpr const char* result_offsets = "result_offsets";
inline constexpr const char* arguments = "arguments";
inline constexpr const char* argument_offsets = "argument_offsets";
inline constexpr const char* fingerprints = "fingerprints";
inline constexpr const char* extents = "extents";
inline constexpr const char* outputs = "outputs";
inline constexpr const char* output_index = "output_index";
inline constexpr const char* carried = "carried";
}  // namespace section

/// What the archive says about itself, as JSON behind its sections.
struct Description {
  std::uint64_t id = 0;
  Manifest manifest;
  std::vector<Origin> origins;
  std::vector<std::string> merged;  ///< Names of the journals whose records are in the archive.
  std::uint64_t failed = 0;         ///< Number of tasks without a result: holes.
  std::uint64_t carried = 0;        ///< Number of results that belong to other lists of arguments.
  /// Size of every result if all have the same size; otherwise there are offsets.
  std::optional<std::uint64_t> result_stride;
  std::optional<std::uint64_t> argument_stride;
  std::map<std::string, Section> sections;
};

std::string to_text(const Description& description);
/// Throws nlohmann::json::exception for a text that it can't understand.
Description description_from_text(std::string_view text);

}  // namespace tasker::store
