#include "store/archive.hpp"

#include "base/hash.hpp"
#include "store/archive_writer.hpp"
#include "store/info.hpp"
#include "store/manifest_json.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <algorithm>

namespace tasker::store {

namespace {

Extent parse_extent(std::string_view bytes) {
  detail::Reader in(bytes);
  Extent extent;
  extent.first = in.number<std::uint64_t>();
  extent.count = in.number<std::uint64_t>();
  extent.info.start = in.number<std::int64_t>();
  extent.info.duration = in.number<std::uint64_t>();
  extent.info.cpu_time = in.number<std::uint64_t>();
  extent.info.memory = in.number<std::uint64_t>();
  extent.info.origin = in.number<std::uint32_t>();
  extent.info.records = in.number<std::uint32_t>();
  extent.attempt = in.number<std::uint32_t>();
  const auto bits = in.number<std::uint32_t>();
  extent.outcome = static_cast<Outcome>(bits & outcome_mask);
  extent.binding = static_cast<std::uint8_t>(bits & static_cast<std::uint32_t>(~outcome_mask & 0xff));
  return extent;
}

}  // namespace

std::shared_ptr<const Archive> Archive::open(const std::filesystem::path& path) {
  if (!base::file_exists(path)) return nullptr;
  return std::make_shared<const Archive>(path);
}

Archive::Archive(std::filesystem::path path) : path_(std::move(path)) {
  base::refuse_link(path_);  // a new archive would take its place
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
  if (version_reader.number<std::uint32_t>() > format_version)
    throw MismatchError(path_.string() + " was written by a newer version of Tasker; use that one");
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
  check_sections();
}

void Archive::check_sections() const {
  const auto end = static_cast<std::uint64_t>(table_.data() - mapping_.bytes().data());
  for (const auto& [name, part] : description_.sections)
    if (part.offset < archive_header_size || part.offset > end || part.size > end - part.offset)
      throw_damaged("section " + name + " makes no sense");
  const std::uint64_t n = size();
  const auto check = [&](const char* name, std::uint64_t element_size, std::uint64_t elements) {
    const std::uint64_t have = section(name).size();
    if (element_size != 0 ? have % element_size != 0 || have / element_size != elements : have != 0)
      throw_damaged(std::string("section ") + name + " has the wrong size");
  };
  const auto check_elements = [&](const char* name, const char* offsets,
                                  const std::optional<std::uint64_t>& stride) {
    if (stride)
      check(name, *stride, n);
    else
      check(offsets, sizeof(std::uint64_t), n + 1);
  };
  if (n == UINT64_MAX || description_.failed > n) throw_damaged("its number of tasks makes no sense");
  check(section::fingerprints, sizeof(Fingerprint), n);
  check(section::extents, extent_size, extent_count());
  if (section(section::output_index).size() % output_entry_size != 0)
    throw_damaged("section output_index has the wrong size");
  check_elements(section::results, section::result_offsets, description_.result_stride);
  if (description_.sections.contains(section::arguments))
    check_elements(section::arguments, section::argument_offsets, description_.argument_stride);
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

/// All that the checksums are for.
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

std::string_view Archive::element(const char* name, const char* offsets,
                                  const std::optional<std::uint64_t>& stride, std::uint64_t index) const {
  const std::string_view bytes = section(name);
  if (stride) return verified(bytes.substr(index * *stride, *stride));
  detail::Reader in(
      verified(section(offsets).substr(index * sizeof(std::uint64_t), 2 * sizeof(std::uint64_t))));
  const auto begin = in.number<std::uint64_t>();
  const auto end = in.number<std::uint64_t>();
  if (begin > end || end > bytes.size()) throw_damaged("an offset makes no sense");
  return verified(bytes.substr(begin, end - begin));
}

Fingerprint Archive::fingerprint(std::uint64_t index) const {
  detail::Reader in(
      verified(section(section::fingerprints).substr(index * sizeof(Fingerprint), sizeof(Fingerprint))));
  const auto low = in.number<std::uint64_t>();
  return {low, in.number<std::uint64_t>()};
}

std::uint64_t Archive::extent_count() const { return section(section::extents).size() / extent_size; }

Extent Archive::extent(std::uint64_t number) const {
  return parse_extent(verified(section(section::extents).substr(number * extent_size, extent_size)));
}

Extent Archive::extent_of(std::uint64_t index) const {
  std::uint64_t low = 0;
  std::uint64_t high = extent_count();
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (extent(middle).first <= index ? low : high) = middle;
  }
  if (low < high) {
    const Extent found = extent(low);
    if (index >= found.first && index - found.first < found.count) return found;
  }
  throw_damaged("task " + std::to_string(index) + " is missing in it");
}

std::string_view Archive::payload(std::uint64_t index) const {
  return element(section::results, section::result_offsets, description_.result_stride, index);
}

std::string_view Archive::output_bytes(std::uint64_t index) const {
  const std::string_view entries = section(section::output_index);
  const auto entry = [&](std::uint64_t number) {
    return detail::Reader(verified(entries.substr(number * output_entry_size, output_entry_size)));
  };
  std::uint64_t low = 0;
  std::uint64_t high = entries.size() / output_entry_size;
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (entry(middle).number<std::uint64_t>() <= index ? low : high) = middle;
  }
  if (low == high) return {};
  detail::Reader in = entry(low);
  if (in.number<std::uint64_t>() != index) return {};
  const auto offset = in.number<std::uint64_t>();
  const auto size = in.number<std::uint64_t>();
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
  if (!description_.sections.contains(section::arguments)) return std::nullopt;
  return element(section::arguments, section::argument_offsets, description_.argument_stride, index);
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
