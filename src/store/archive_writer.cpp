#include "store/archive_writer.hpp"

#include "base/hash.hpp"

#include <tasker/detail/bytes.hpp>

namespace tasker::store {

using detail::put;

namespace {
constexpr std::size_t header_used = 8 + 8 + 6 * 8;
}

std::string ArchiveHeader::to_bytes() const {
  std::string out(archive_magic);
  put(out, format_version, std::uint32_t{0}, table_offset, table_checksum, description_offset,
      description_size, description_checksum, file_size);
  put(out, base::hash64(out));
  out.resize(archive_header_size);
  return out;
}

std::optional<ArchiveHeader> ArchiveHeader::from_bytes(std::string_view bytes) {
  if (bytes.size() < archive_header_size) return std::nullopt;
  detail::Reader in(bytes.substr(16));
  ArchiveHeader header;
  std::uint64_t checksum = 0;
  in.read(header.table_offset, header.table_checksum, header.description_offset, header.description_size,
          header.description_checksum, header.file_size, checksum);
  if (checksum != base::hash64(bytes.substr(0, header_used))) return std::nullopt;
  return header;
}

ArchiveWriter::ArchiveWriter(const std::filesystem::path& path) : file_(base::File::create_new(path)) {
  // The header is written last: an unfinished file has none.
  file_.write({std::string(archive_header_size, '\0')});
  block_.reserve(block_size);
}

void ArchiveWriter::flush_block() {
  if (block_.empty()) return;
  checksums_.push_back(base::hash64(block_));
  file_.write({block_});
  block_.clear();
}

void ArchiveWriter::append(std::string_view bytes) {
  offset_ += bytes.size();
  while (!bytes.empty()) {
    const std::size_t taken = std::min(bytes.size(), block_size - block_.size());
    block_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (block_.size() == block_size) flush_block();
  }
}

void ArchiveWriter::begin(const std::string& section) {
  end_section();
  append(std::string((section_alignment - offset_ % section_alignment) % section_alignment, '\0'));
  section_ = section;
  section_at_ = offset_;
}

void ArchiveWriter::end_section() {
  if (!section_.empty()) sections_[section_] = {section_at_, section_size()};
}

void ArchiveWriter::finish(Description& description) {
  end_section();
  flush_block();
  description.sections = sections_;
  std::string table;
  for (std::uint64_t checksum : checksums_) detail::put(table, checksum);
  const std::string text = to_text(description);
  file_.write({table, text});
  ArchiveHeader header;
  header.table_offset = offset_;
  header.table_checksum = base::hash64(table);
  header.description_offset = offset_ + table.size();
  header.description_size = text.size();
  header.description_checksum = base::hash64(text);
  header.file_size = header.description_offset + text.size();
  file_.write_at(0, header.to_bytes());
  file_.open_to_all();
  file_.sync();
  file_.close();
}

}  // namespace tasker::store
