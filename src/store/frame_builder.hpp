#pragma once

#include "store/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace tasker::store {

/// Collects records, and makes a frame of them. There is a column only for what differs between them.
class FrameBuilder {
 public:
  /// `fingerprinter` must outlive this. If arguments are not kept, their fingerprints are. So are those of
  /// long arguments, and those that records bring along: all records of a frame, or none.
  FrameBuilder(const Fingerprinter& fingerprinter, bool keep_arguments)
      : fingerprinter_(fingerprinter), keep_arguments_(keep_arguments) {}

  /// Copies the record's values.
  void add(const Record& record) { add(record, 1, true); }
  /// Copies the values of `count` records, which differ in their values alone and have consecutive indices.
  /// `first` has the values of all, one behind the other. All arguments have the same size, and so have all
  /// payloads; there is no output.
  void add_run(const Record& first, std::uint32_t count) { add(first, count, true); }
  /// Adds the last record of a frame without copying its values, which must stay until `clear`.
  void add_last(const Record& record) { add(record, 1, false); }

  std::uint32_t records() const { return layout_.records; }
  /// Bytes of the values that were copied.
  std::size_t size() const { return values_; }
  bool is_full() const { return records() == most_records; }

  /// The frame of all records, valid until the next one is added.
  FrameParts frame(const FrameInfo& info);
  void clear();

 private:
  void add(const Record& first, std::uint32_t count, bool copy);
  void add_fingerprints(const Record& first, std::uint32_t count);
  void add_fingerprints_of_long();
  std::string& column(FrameColumn which) { return columns_[static_cast<std::size_t>(which)]; }
  template <class Values, class Expected>
  void put(FrameColumn which, bool as_expected, std::uint32_t count, Values values, Expected expected);

  const Fingerprinter& fingerprinter_;
  bool keep_arguments_;
  FrameLayout layout_;
  std::uint64_t argument_size_ = 0;  // of the first record
  std::uint64_t payload_size_ = 0;
  std::array<std::string, frame_columns> columns_;
  Record last_;  // whose values were not copied
  std::size_t values_ = 0;
  // Of the frame that was made.
  std::string header_;
  std::string before_values_;
};

}  // namespace tasker::store
