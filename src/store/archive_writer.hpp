#pragma once

#include "base/file.hpp"
#include "store/archive_format.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace tasker::store {

/// Writes an archive from front to back: one section after the other, then `finish`. Needs memory for a
/// buffer and eight bytes for every 64 KiB written.
class ArchiveWriter {
 public:
  /// Creates the file, which must not exist.
  explicit ArchiveWriter(const std::filesystem::path& path);

  void begin(const std::string& section);
  void append(std::string_view bytes);
  /// Appends numbers, little-endian.
  template <class... Numbers>
  void put(Numbers... numbers) {
    numbers_.clear();
    detail::put(numbers_, numbers...);
    append(numbers_);
  }
  /// Number of bytes in the current section so far.
  std::uint64_t section_size() const { return offset_ - section_at_; }

  /// Writes the end of the archive and its header. Afterwards the archive is complete and on the medium.
  /// Fills `description.sections`.
  void finish(Description& description);

 private:
  void end_section();
  void flush_block();
  base::File file_;
  std::string block_;    // bytes since the last full block
  std::string numbers_;  // those of one `put`
  std::vector<std::uint64_t> checksums_;
  std::map<std::string, Section> sections_;
  std::string section_;
  std::uint64_t section_at_ = 0;
  std::uint64_t offset_ = archive_header_size;
};

/// The header of an archive. It has a checksum of its own.
struct ArchiveHeader {
  std::uint64_t table_offset = 0;  ///< The table holds the blocks' checksums.
  std::uint64_t table_checksum = 0;
  std::uint64_t description_offset = 0;
  std::uint64_t description_size = 0;
  std::uint64_t description_checksum = 0;
  std::uint64_t file_size = 0;

  std::string to_bytes() const;
  /// Nothing if the bytes are damaged. Does not look at the magic.
  static std::optional<ArchiveHeader> from_bytes(std::string_view bytes);
};

}  // namespace tasker::store
