#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Constants of the files, shared by readers and writers; FORMAT.md explains them. What is here never
/// changes.
namespace tasker::store {

inline constexpr std::string_view journal_magic = "TASKERJ\n";
inline constexpr std::string_view archive_magic = "TASKERA\n";
inline constexpr std::string_view list_magic = "TASKERL\n";
inline constexpr std::string_view state_magic = "TASKERS\n";
inline constexpr std::uint32_t format_version = 1;

/// Journal: preamble (magic, version, size and checksum of the header), header (JSON), frames.
inline constexpr std::size_t preamble_size = 24;
inline constexpr std::uint32_t frame_magic = 0x4d415246;  // "FRAM"
inline constexpr std::size_t frame_header_size = 64;

/// Archive: header, sections, checksums of its blocks, description (JSON).
inline constexpr std::size_t archive_header_size = 128;
inline constexpr std::size_t block_size = std::size_t{1} << 16;
inline constexpr std::size_t section_alignment = 64;

/// How an attempt ended.
enum class Outcome : std::uint8_t {
  none = 0,
  done = 1,
  failed = 2,         ///< By an exception.
  crashed = 3,        ///< Its process ended.
  timed_out = 4,      ///< It lasted too long.
  out_of_memory = 5,  ///< It took more memory than it may.
  lost = 6,           ///< Rank after rank died with it.
  interrupted = 7,    ///< It was under way when the run's time was up.
};

/// What a record is bound to besides its argument: bits above the outcome.
inline constexpr std::uint8_t outcome_mask = 0x0f;
inline constexpr std::uint8_t bound_to_index = 0x10;
inline constexpr std::uint8_t bound_to_count = 0x20;
/// The record holds what the attempt wrote to stdout and stderr.
inline constexpr std::uint8_t has_output = 0x40;

}  // namespace tasker::store
