#pragma once

#include "base/file.hpp"
#include "store/archive_format.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace tasker::store {

/// Writes an archive front to back: one section after the other, then `finish`. Memory is bounded by a buffer
/// and by eight bytes for every 64 KiB written.
class ArchiveWriter {
 public:
  /// Creates the file, which must not exist.
  explicit ArchiveWriter(const std::filesystem::path& path);

  void begin(const std::string& section);
  void append(std::string_view bytes);
  /// Bytes in the current section so far.
  std::uint64_t section_size() const { return offset_ - section_at_; }

  /// Writes what closes the archive; it is complete and on the medium afterwards. Fills
  /// `description.sections`.
  void finish(Description& description);

 private:
  void end_section();
  void flush_block();
  base::File file_;
  std::string block_;  ///< Bytes since the last full block.
  std::vector<std::uint64_t> checksums_;
  std::map<std::string, Section> sections_;
  std::string section_;
  std::uint64_t section_at_ = 0;
  std::uint64_t offset_ = archive_header_size;
};

/// The header of an archive, with its own checksum.
struct ArchiveHeader {
  std::uint64_t table_offset = 0;  ///< Of the blocks' checksums.
  std::uint64_t table_checksum = 0;
  std::uint64_t description_offset = 0;
  std::uint64_t description_size = 0;
  std::uint64_t description_checksum = 0;
  std::uint64_t file_size = 0;

  std::string to_bytes() const;
  /// Nothing if the bytes are damaged. The magic is not looked at.
  static std::optional<ArchiveHeader> from_bytes(std::string_view bytes);
};

}  // namespace tasker::store
