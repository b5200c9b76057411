#pragma once

#include "store/format.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/detail/result_source.hpp>
#include <tasker/digest.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tasker::store {

using Fingerprint = Digest;

/// What an attempt left behind. Views are into the frame that it was read from, or the buffers of
/// its writer.
struct Record {
  std::uint64_t index = 0;
  Fingerprint fingerprint;
  Outcome outcome = Outcome::none;
  std::uint8_t binding = 0;  ///< bound_to_index, bound_to_count
  std::uint32_t attempt = 1;
  std::string_view argument;  ///< Empty where arguments are not kept.
  std::string_view payload;   ///< The result's bytes, or why the attempt failed.
  std::string_view output;    ///< What it wrote, as bytes; empty where nothing is kept.
};

/// What an attempt wrote, as bytes; none for nothing.
std::string encode_output(const Output& output);
/// Nothing for bytes that make no sense.
std::optional<Output> decode_output(std::string_view bytes);

/// What records written together have in common.
struct FrameInfo {
  std::uint32_t records = 0;
  std::uint32_t origin = 0;    ///< Place in the journal's table of origins (run, rank, host, build).
  std::int64_t start = 0;      ///< ns since 1970, by the host's clock; information only.
  std::uint64_t duration = 0;  ///< ns
  std::uint64_t cpu_time = 0;  ///< ns
  std::uint64_t memory = 0;    ///< High-water of the process, bytes.
  std::uint32_t type = 0;      ///< Place in the journal's table of types.
};

/// A frame as found in a file: its body's checksum was verified.
struct Frame {
  std::uint64_t offset = 0;  ///< Of its header, in the file.
  FrameInfo info;
  std::string_view body;
};

/// Appends everything of `record` but the payload's bytes, which follow it.
void put_record_head(std::string& out, const Record& record);

/// The header of a frame whose body is `head` followed by `tail`.
std::string frame_header(const FrameInfo& info, std::string_view head, std::string_view tail,
                         std::uint64_t seed);

/// Reads a frame's header as far as `info`, and the size of its body.
FrameInfo read_frame_info(detail::Reader& in, std::uint64_t* body_size = nullptr);

/// Reads a record at `at`, which moves behind it; false where the bytes up to
/// `end` make no sense.
bool get_record(const char*& at, const char* end, Record& record);

/// Walks through the records of a frame's body.
class RecordReader {
 public:
  explicit RecordReader(std::string_view body) : body_(body) {}
  /// The next record and its offset in the body; nothing at the end, or where the body makes no sense.
  std::optional<Record> next();
  /// Offset of the record that `next` would return.
  std::size_t offset() const { return at_; }

 private:
  std::string_view body_;
  std::size_t at_ = 0;
};

/// Finds the valid frames of `bytes`, from offset `at` on. Damage is skipped, byte by byte, up to the next
/// valid frame.
class FrameReader {
 public:
  FrameReader(std::string_view bytes, std::uint64_t at, std::uint64_t seed)
      : bytes_(bytes), at_(at), seed_(seed), effort_(16 * bytes.size()) {}
  std::optional<Frame> next();
  /// Bytes that were skipped between valid frames, so far: damage.
  std::uint64_t damaged() const { return damaged_; }
  /// Bytes behind the last valid frame, once next() returned nothing: a torn tail, which is normal.
  std::uint64_t tail() const { return tail_; }

 private:
  std::optional<Frame> frame_at(std::uint64_t at);
  std::string_view bytes_;
  std::uint64_t at_;
  std::uint64_t seed_;
  std::uint64_t effort_;  // bytes that may still be looked at in vain, however many frames they pretend to be
  std::uint64_t damaged_ = 0;
  std::uint64_t tail_ = 0;
};

}  // namespace tasker::store
