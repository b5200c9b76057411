#pragma once

#include "store/record.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasker::store {

/// What was measured of tasks together. All records of a frame have it in common.
struct FrameInfo {
  std::uint32_t together = 0;  ///< Number of these tasks. After a merge a frame may hold fewer of them.
  std::uint32_t origin = 0;    ///< Place in the journal's table of origins (run, rank, host, build).
  std::int64_t start = 0;      ///< ns since 1970, by the host's clock; information only.
  std::uint64_t duration = 0;  ///< ns
  std::uint64_t cpu_time = 0;  ///< ns
  std::uint64_t memory = 0;    ///< High-water of the process, in bytes; stored in KiB.
};

/// A place in no table: the origin of records whose journal has lost its header.
inline constexpr std::uint32_t unknown_origin = UINT32_MAX;

/// Makes what `Results::info` returns.
Info to_info(const FrameInfo& frame, std::uint32_t attempt, const Origin& origin);

/// Numbers of the header besides `FrameInfo`. They describe the columns.
struct FrameLayout {
  std::uint32_t records = 0;    ///< How many there are.
  std::uint64_t first = 0;      ///< The first index; without a column the others follow it.
  std::uint64_t arguments = 0;  ///< Size of all arguments.
  std::uint16_t attempt =
      1;  ///< Of each record, if there is no column. 65535 stands for all higher numbers, too.
  std::uint8_t bits = 0;     ///< Likewise: outcome and binding.
  std::uint8_t columns = 0;  ///< Bit `c` is set if there is the column `c`.
};

/// The bytes of a frame in the order of the file, but for the checksum, which belongs behind the header.
struct FrameParts {
  std::string_view header;
  std::string_view columns;  ///< Those before the values.
  /// Two parts of each column of values: those that were copied, and the last one if that was not.
  std::array<std::string_view, 6> values = {};

  std::uint64_t size() const;
  std::uint64_t checksum(std::uint64_t seed) const;
  /// All that is to be written; `checksum` is encoded.
  std::vector<std::string_view> with(std::string_view checksum) const;
};

/// Appends the frame, for the journal with this id.
void append(std::string& out, const FrameParts& frame, std::uint64_t seed);
std::string to_bytes(const FrameParts& frame, std::uint64_t seed);

/// The closing frame of the journal with this id: it has no records.
std::string closing_frame(std::uint64_t seed);

/// The header, without the checksum, of a frame with so many bytes behind the header.
std::string frame_header(const FrameInfo& info, const FrameLayout& layout, std::uint64_t size);
/// The same header for a table of origins in which this is the frame's place.
std::string with_origin(std::string_view header, std::uint32_t origin);

/// A frame as it lies in a file or a message.
class Frame {
 public:
  /// The frame that `bytes` begin with. Nothing if its columns don't fit in. The checksum is not looked at.
  static std::optional<Frame> at(std::string_view bytes);

  /// Whether all of its records can be read.
  bool makes_sense() const;
  /// Whether it makes sense and was written with this seed. Reads all of it.
  bool is_whole(std::uint64_t seed) const;

  const FrameInfo& info() const { return info_; }
  std::uint32_t records() const { return layout_.records; }
  std::string_view bytes() const { return bytes_; }
  /// What is written of it elsewhere.
  FrameParts parts() const;
  bool has(FrameColumn column) const { return !bytes_of(column).empty(); }
  /// How many records from this one on have consecutive indices, and the same attempt, outcome and binding.
  std::uint32_t alike(std::uint32_t number) const;

  // Of the record with this number. They throw DamagedError for nonsense.

  Record operator[](std::uint32_t number) const;
  Fingerprint fingerprint(std::uint32_t number) const;
  /// Its argument, payload or output, together with those of the records behind it if `count` is greater.
  std::string_view value(FrameColumn column, std::uint32_t number, std::uint32_t count = 1) const;

 private:
  Frame() = default;
  std::string_view bytes_of(FrameColumn column) const { return columns_[static_cast<std::size_t>(column)]; }
  template <class T>
  T element(FrameColumn column, std::uint32_t number, T without) const;
  bool has_sound_ends(FrameColumn column) const;

  std::string_view bytes_;
  FrameInfo info_;
  FrameLayout layout_;
  std::array<std::string_view, frame_columns> columns_;
};

/// Finds the whole frames in `bytes`, from offset `at` on. Skips damage, byte by byte, to the next one.
class FrameReader {
 public:
  FrameReader(std::string_view bytes, std::uint64_t at, std::uint64_t seed)
      : bytes_(bytes), at_(at), seed_(seed), hash_budget_(16 * bytes.size()) {}
  std::optional<Frame> next();
  /// Number of damaged bytes so far: those skipped between whole frames.
  std::uint64_t damaged() const { return damaged_; }
  /// Bytes behind the last whole frame, once next() has returned nothing: a torn tail, which is normal.
  std::uint64_t tail() const { return tail_; }

 private:
  std::optional<Frame> frame_at(std::uint64_t at);
  std::string_view bytes_;
  std::uint64_t at_;
  std::uint64_t seed_;
  std::uint64_t hash_budget_;  // bytes that may still be hashed in vain, against many false frames
  std::uint64_t damaged_ = 0;
  std::uint64_t tail_ = 0;
};

}  // namespace tasker::store
