#include "store/archive.hpp"

#include "base/hash.hpp"
#include "store/archive_writer.hpp"
#include "store/manifest_json.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <ranges>

namespace tasker::store {

namespace {

/// The first number below `count` for which `is_before` is false, by binary search.
template <class IsBefore>
std::uint64_t partition_point(std::uint64_t count, IsBefore is_before) {
  return *std::ranges::partition_point(std::views::iota(std::uint64_t{0}, count), is_before);
}

}  // namespace

std::shared_ptr<const Archive> Archive::open(const std::filesystem::path& path) {
  if (!base::file_exists(path)) return nullptr;
  return std::make_shared<const Archive>(path);
}

Archive::Archive(std::filesystem::path path) : path_(std::move(path)) {
  base::refuse_link(path_);  // a new archive would replace the link, not the file behind it
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path_, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    throw MismatchError(path_.string() + " is not a file; check the path");
  mapping_ = base::Mapping(path_);
  const std::string_view bytes = mapping_.bytes();
  if (!bytes.starts_with(archive_magic))
    throw MismatchError(path_.string() + " is not a Tasker archive and stays as it is; check the path");
  const auto header = ArchiveHeader::from_bytes(bytes);
  if (!header) throw_damaged("its header is damaged");
  detail::Reader version_reader(bytes.substr(archive_magic.size()));
  if (version_reader.number<std::uint32_t>() != format_version)
    throw MismatchError(path_.string() + " was written by another version of Tasker; use that one");
  if (header->file_size != bytes.size()) throw_damaged("it was cut short");
  const auto part = [&](std::uint64_t offset, std::uint64_t size) {
    if (offset > bytes.size() || size > bytes.size() - offset) throw_damaged("its header makes no sense");
    return bytes.substr(offset, size);
  };
  const std::string_view text = part(header->description_offset, header->description_size);
  if (base::hash64(text) != header->description_checksum) throw_damaged("its description is damaged");
  if (header->table_offset < archive_header_size || header->description_offset < header->table_offset)
    throw_damaged("its header makes no sense");
  const std::uint64_t blocks = (header->table_offset - archive_header_size + block_size - 1) / block_size;
  table_ = part(header->table_offset, header->description_offset - header->table_offset);
  if (table_.size() != blocks * sizeof(std::uint64_t) || base::hash64(table_) != header->table_checksum)
    throw_damaged("its checksums are damaged");
  block_verified_ = std::make_unique<std::atomic<bool>[]>(blocks);
  try {
    description_ = description_from_text(text);
  } catch (const nlohmann::json::exception&) {
    throw_damaged("its description makes no sense");
  }
  open_sections();
}

/// Throws DamagedError unless the section has so many elements of this size.
void Archive::check_size(const char* name, std::uint64_t each, std::uint64_t elements) const {
  const std::uint64_t have = section(name).size();
  if (each != 0 ? have % each != 0 || have / each != elements : have != 0)
    throw_damaged(std::string("section ") + name + " has the wrong size");
}

/// Finds the sections, and checks what is said of them.
void Archive::open_sections() {
  const auto end = static_cast<std::uint64_t>(table_.data() - mapping_.bytes().data());
  for (const auto& [name, part] : description_.sections)
    if (part.offset < archive_header_size || part.offset > end || part.size > end - part.offset)
      throw_damaged("section " + name + " makes no sense");
  const std::uint64_t n = size();
  if (n == UINT64_MAX || description_.failed > n) throw_damaged("its number of tasks makes no sense");
  check_size(section::extents, extent_size, extent_count());
  if (section(section::output_index).size() % output_entry_size != 0)
    throw_damaged("section output_index has the wrong size");
  results_ = values(section::results, section::result_offsets, description_.result_stride);
  if (description_.sections.contains(section::arguments))
    arguments_ = values(section::arguments, section::argument_offsets, description_.argument_stride);
  fingerprints_ = section(section::fingerprints);
  const bool identified = base::from_hex(description_.manifest.digest, declared_) && has_arguments();
  if (has_fingerprints() || !identified) check_size(section::fingerprints, sizeof(Fingerprint), n);
}

Archive::Values Archive::values(const char* name, const char* offsets,
                                const std::optional<std::uint64_t>& stride) const {
  if (stride)
    check_size(name, *stride, size());
  else
    check_size(offsets, sizeof(std::uint64_t), size() + 1);
  return {section(name), section(offsets), stride};
}

void Archive::throw_damaged(const std::string& what) const {
  throw DamagedError(path_.string() + " is damaged: " + what +
                     "; move it away and run again, or take it from a backup");
}

std::string_view Archive::section(const char* name) const {
  const auto found = description_.sections.find(name);
  if (found == description_.sections.end()) return {};
  return mapping_.bytes().substr(found->second.offset, found->second.size);
}

/// All bytes that the table's checksums cover.
std::string_view Archive::blocks() const {
  const char* const data = mapping_.bytes().data() + archive_header_size;
  return {data, static_cast<std::size_t>(table_.data() - data)};
}

std::string_view Archive::verified(std::string_view bytes) const {
  if (bytes.empty()) return bytes;
  const std::string_view all = blocks();
  const auto first = static_cast<std::uint64_t>(bytes.data() - all.data()) / block_size;
  const auto last = static_cast<std::uint64_t>(bytes.data() + bytes.size() - 1 - all.data()) / block_size;
  for (std::uint64_t block = first; block <= last; ++block) {
    if (block_verified_[block].load(std::memory_order_relaxed)) continue;
    detail::Reader checksum(table_.substr(block * sizeof(std::uint64_t)));
    if (base::hash64(all.substr(block * block_size, block_size)) != checksum.number<std::uint64_t>())
      throw_damaged("the checksum of block " + std::to_string(block) + " fails");
    block_verified_[block].store(true, std::memory_order_relaxed);
  }
  return bytes;
}

std::string_view Archive::element(const Values& values, std::uint64_t index) const {
  if (values.stride) return verified(values.bytes.substr(index * *values.stride, *values.stride));
  detail::Reader in(
      verified(values.offsets.substr(index * sizeof(std::uint64_t), 2 * sizeof(std::uint64_t))));
  const auto begin = in.number<std::uint64_t>();
  const auto end = in.number<std::uint64_t>();
  if (begin > end || end > values.bytes.size()) throw_damaged("an offset makes no sense");
  return verified(values.bytes.substr(begin, end - begin));
}

bool Archive::is_of(std::uint64_t first, std::string_view arguments, std::uint64_t count,
                    const Fingerprinter& fingerprinter) const {
  const std::size_t size = arguments.size() / count;
  if (!has_fingerprints() && declared_ != fingerprinter.digest()) return false;
  if (!has_fingerprints() && arguments_->stride == size)
    return verified(arguments_->bytes.substr(first * size, arguments.size())) == arguments;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view argument = arguments.substr(i * size, size);
    if (has_fingerprints() ? fingerprint(first + i) != fingerprinter(argument)
                           : *this->argument(first + i) != argument)
      return false;
  }
  return true;
}

Fingerprint Archive::fingerprint(std::uint64_t index) const {
  if (!has_fingerprints()) return Fingerprinter(declared_)(*argument(index));
  detail::Reader in(verified(fingerprints_.substr(index * sizeof(Fingerprint), sizeof(Fingerprint))));
  return detail::Codec<Fingerprint>::decode(in);
}

std::uint64_t Archive::extent_count() const { return section(section::extents).size() / extent_size; }

Extent Archive::extent(std::uint64_t number) const {
  return extent_from_bytes(verified(section(section::extents).substr(number * extent_size, extent_size)));
}

Extent Archive::extent_of(std::uint64_t index) const {
  const std::uint64_t behind =
      partition_point(extent_count(), [&](std::uint64_t number) { return extent(number).first <= index; });
  if (behind > 0)
    if (const Extent found = extent(behind - 1); index - found.first < found.count) return found;
  throw_damaged("task " + std::to_string(index) + " is missing in it");
}

std::string_view Archive::payload(std::uint64_t index) const { return element(results_, index); }

std::string_view Archive::output_bytes(std::uint64_t index) const {
  const std::string_view entries = section(section::output_index);
  const auto entry = [&](std::uint64_t number) {
    return detail::Reader(verified(entries.substr(number * output_entry_size, output_entry_size)));
  };
  const std::uint64_t count = entries.size() / output_entry_size;
  const std::uint64_t found = partition_point(
      count, [&](std::uint64_t number) { return entry(number).number<std::uint64_t>() < index; });
  if (found == count) return {};
  std::uint64_t entry_index = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  entry(found).read(entry_index, offset, size);
  if (entry_index != index) return {};
  const std::string_view texts = section(section::outputs);
  if (offset > texts.size() || size > texts.size() - offset)
    throw_damaged("an output's offset makes no sense");
  return verified(texts.substr(offset, size));
}

bool Archive::is_whole() const {
  try {
    verified(blocks());
    return true;
  } catch (const DamagedError&) {
    return false;
  }
}

std::string_view Archive::carried() const { return section(section::carried); }

std::optional<std::string_view> Archive::result(std::uint64_t index) const {
  if (description_.failed > 0 && extent_of(index).outcome != Outcome::done) return std::nullopt;
  return payload(index);
}

std::optional<std::string_view> Archive::failure(std::uint64_t index) const {
  if (description_.failed == 0) return std::nullopt;
  if (const Outcome outcome = extent_of(index).outcome; outcome == Outcome::none || outcome == Outcome::done)
    return std::nullopt;
  return payload(index);
}

std::optional<std::string_view> Archive::argument(std::uint64_t index) const {
  if (!has_arguments()) return std::nullopt;
  return element(*arguments_, index);
}

std::optional<Output> Archive::output(std::uint64_t index) const {
  const std::string_view bytes = output_bytes(index);
  if (bytes.empty()) return std::nullopt;
  auto output = decode_output(bytes);
  if (!output) throw_damaged("the output of task " + std::to_string(index) + " makes no sense");
  return output;
}

std::optional<Info> Archive::info(std::uint64_t index) const {
  const Extent extent = extent_of(index);
  if (extent.outcome == Outcome::none) return std::nullopt;
  static const Origin unknown;
  const Origin& origin =
      extent.info.origin < description_.origins.size() ? description_.origins[extent.info.origin] : unknown;
  return to_info(extent.info, extent.attempt, origin);
}

}  // namespace tasker::store
