#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// Constants of the files, shared by readers and writers; FORMAT.md explains them. None of them ever changes.
namespace tasker::store {

inline constexpr std::string_view journal_magic = "TASKERJ\n";
inline constexpr std::string_view archive_magic = "TASKERA\n";
inline constexpr std::string_view list_magic = "TASKERL\n";
inline constexpr std::string_view state_magic = "TASKERS\n";
inline constexpr std::uint32_t format_version = 2;

/// Journal: preamble (magic, version, size and checksum of the header), header (JSON), frames.
inline constexpr std::size_t preamble_size = 24;
inline constexpr std::string_view frame_magic = "FRAM";
inline constexpr std::size_t frame_header_size = 80;
inline constexpr std::uint32_t most_records = std::uint32_t{1} << 16;

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
  out_of_memory = 5,  ///< It took more memory than its limit.
  lost = 6,           ///< Several ranks died while they computed it.
  interrupted = 7,    ///< It was under way when the run's time was up.
  permanent = 8,      ///< By an exception that says that no other attempt is of use.
};

/// What a record is bound to besides its argument: bits above the outcome.
inline constexpr std::uint8_t outcome_mask = 0x0f;
inline constexpr std::uint8_t bound_to_index = 0x10;
inline constexpr std::uint8_t bound_to_count = 0x20;

/// The columns of a frame, in their order. The first seven are there only where records differ.
enum class FrameColumn : std::uint8_t {
  indices,
  fingerprints,
  argument_ends,
  payload_ends,
  output_ends,
  attempts,
  bits,
  arguments,
  payloads,
  outputs,
};
inline constexpr std::size_t frame_columns = 10;
/// Bytes of an element of the first seven.
inline constexpr std::array<std::uint8_t, 7> column_widths{8, 16, 8, 8, 8, 2, 1};
/// The column that says where the values of such a column end.
constexpr FrameColumn ends_of(FrameColumn values) {
  return static_cast<FrameColumn>(static_cast<std::uint8_t>(values) - 5);
}
static_assert(ends_of(FrameColumn::arguments) == FrameColumn::argument_ends &&
              ends_of(FrameColumn::outputs) == FrameColumn::output_ends);

}  // namespace tasker::store
