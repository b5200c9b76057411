#include "store/frame.hpp"

#include "base/hash.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <algorithm>
#include <chrono>
#include <limits>

namespace tasker::store {

using detail::put;

namespace {

constexpr std::size_t header_size = frame_header_size - sizeof(std::uint64_t);  // without the checksum
constexpr std::size_t origin_at = 44;

}  // namespace

Info to_info(const FrameInfo& frame, std::uint32_t attempt, const Origin& origin) {
  Info info;
  info.attempts = attempt;
  info.start = std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::nanoseconds(frame.start)));
  info.duration = std::chrono::nanoseconds(frame.duration);
  info.cpu_time = std::chrono::nanoseconds(frame.cpu_time);
  info.memory_high_water = frame.memory;
  info.together = frame.together;
  info.host = origin.host;
  info.rank = origin.rank;
  return info;
}

std::uint64_t FrameParts::size() const {
  std::uint64_t size = header.size() + sizeof(std::uint64_t) + columns.size();
  for (const std::string_view part : values) size += part.size();
  return size;
}

std::uint64_t FrameParts::checksum(std::uint64_t seed) const {
  std::uint64_t sum = base::hash64(columns, base::hash64(header, seed));
  for (std::size_t i = 0; i < values.size(); i += 2) sum = base::hash64(values[i], values[i + 1], sum);
  return sum;
}

std::vector<std::string_view> FrameParts::with(std::string_view checksum) const {
  std::vector<std::string_view> all{header, checksum, columns};
  all.insert(all.end(), values.begin(), values.end());
  return all;
}

void append(std::string& out, const FrameParts& frame, std::uint64_t seed) {
  std::string checksum;
  put(checksum, frame.checksum(seed));
  out.reserve(out.size() + frame.size());
  for (const std::string_view part : frame.with(checksum)) out += part;
}

std::string to_bytes(const FrameParts& frame, std::uint64_t seed) {
  std::string bytes;
  append(bytes, frame, seed);
  return bytes;
}

std::string closing_frame(std::uint64_t seed) {
  std::string header(frame_magic);
  header.resize(header_size);
  return to_bytes({header, {}}, seed);
}

std::string frame_header(const FrameInfo& info, const FrameLayout& layout, std::uint64_t size) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  std::string header(frame_magic);
  header.reserve(header_size);
  put(header, layout.records, size, info.start, info.duration, info.cpu_time,
      static_cast<std::uint32_t>(std::min(info.memory >> 10U, most)), info.origin, info.together,
      layout.attempt, layout.bits, layout.columns, layout.first, layout.arguments);
  return header;
}

std::string with_origin(std::string_view header, std::uint32_t origin) {
  std::string bytes;
  put(bytes, origin);
  return std::string(header).replace(origin_at, bytes.size(), bytes);
}

std::optional<Frame> Frame::at(std::string_view bytes) {
  if (bytes.size() < frame_header_size || !bytes.starts_with(frame_magic)) return std::nullopt;
  Frame frame;
  FrameInfo& info = frame.info_;
  FrameLayout& layout = frame.layout_;
  std::uint64_t size = 0;
  std::uint32_t memory = 0;
  detail::Reader in(bytes.substr(frame_magic.size(), frame_header_size));
  in.read(layout.records, size, info.start, info.duration, info.cpu_time, memory, info.origin, info.together,
          layout.attempt, layout.bits, layout.columns, layout.first, layout.arguments);
  info.memory = std::uint64_t{memory} << 10U;
  if (layout.records == 0 || layout.records > most_records || size > bytes.size() - frame_header_size)
    return std::nullopt;
  frame.bytes_ = bytes.substr(0, frame_header_size + size);

  std::string_view left = frame.bytes_.substr(frame_header_size);
  bool fits = true;
  const auto take = [&](std::uint64_t wanted) {
    fits = fits && wanted <= left.size();
    const std::string_view taken = left.substr(0, fits ? wanted : 0);
    left.remove_prefix(taken.size());
    return taken;
  };
  for (std::size_t i = 0; i < column_widths.size(); ++i)
    if ((layout.columns >> i & 1U) != 0)
      frame.columns_[i] = take(std::uint64_t{layout.records} * column_widths[i]);
  const auto column = [&](FrameColumn which) -> std::string_view& {
    return frame.columns_[static_cast<std::size_t>(which)];
  };
  column(FrameColumn::arguments) = take(layout.arguments);
  const auto outputs =
      fits ? frame.element<std::uint64_t>(FrameColumn::output_ends, layout.records - 1, 0) : 0;
  fits = fits && outputs <= left.size();
  column(FrameColumn::payloads) = take(fits ? left.size() - outputs : 0);
  column(FrameColumn::outputs) = left;
  if (!fits) return std::nullopt;
  return frame;
}

/// An element of a column; `without` if there is no such column.
template <class T>
T Frame::element(FrameColumn column, std::uint32_t number, T without) const {
  const std::string_view all = bytes_of(column);
  return all.empty() ? without : detail::Reader(all.substr(number * sizeof(T))).number<T>();
}

/// Whether the values of such a column fill it.
bool Frame::has_sound_ends(FrameColumn column) const {
  const std::string_view ends = bytes_of(ends_of(column));
  const std::uint64_t size = bytes_of(column).size();
  if (ends.empty()) return size % records() == 0;
  std::uint64_t last = 0;
  for (detail::Reader in(ends); !in.left().empty();) {
    const auto end = in.number<std::uint64_t>();
    if (end < last) return false;
    last = end;
  }
  return last == size;
}

bool Frame::makes_sense() const {
  return has_sound_ends(FrameColumn::arguments) && has_sound_ends(FrameColumn::payloads) &&
         has_sound_ends(FrameColumn::outputs);
}

bool Frame::is_whole(std::uint64_t seed) const {
  const auto checksum = detail::Reader(bytes_.substr(header_size)).number<std::uint64_t>();
  return parts().checksum(seed) == checksum && makes_sense();
}

FrameParts Frame::parts() const {
  const std::string_view arguments = bytes_of(FrameColumn::arguments);
  const std::string_view payloads = bytes_of(FrameColumn::payloads);
  const std::string_view outputs = bytes_of(FrameColumn::outputs);
  const std::size_t values = arguments.size() + payloads.size() + outputs.size();
  return {bytes_.substr(0, header_size),
          bytes_.substr(frame_header_size, bytes_.size() - frame_header_size - values),
          {arguments, {}, payloads, {}, outputs, {}}};
}

std::uint32_t Frame::alike(std::uint32_t number) const {
  if (!has(FrameColumn::indices) && !has(FrameColumn::attempts) && !has(FrameColumn::bits))
    return records() - number;
  const Record first = (*this)[number];
  std::uint32_t count = 1;
  for (; number + count < records(); ++count) {
    const Record next = (*this)[number + count];
    if (next.index != first.index + count || next.attempt != first.attempt || next.outcome != first.outcome ||
        next.binding != first.binding)
      break;
  }
  return count;
}

Fingerprint Frame::fingerprint(std::uint32_t number) const {
  detail::Reader in(bytes_of(FrameColumn::fingerprints).substr(number * sizeof(Fingerprint)));
  return detail::Codec<Fingerprint>::decode(in);
}

std::string_view Frame::value(FrameColumn column, std::uint32_t number, std::uint32_t count) const {
  const std::string_view values = bytes_of(column);
  const FrameColumn ends = ends_of(column);
  const bool exists = number < records() && count <= records() - number;
  const std::uint64_t each = values.size() / records();  // without ends
  const std::uint64_t begin =
      number == 0 || !exists ? 0 : element<std::uint64_t>(ends, number - 1, number * each);
  const std::uint64_t end =
      exists ? element<std::uint64_t>(ends, number + count - 1, (number + count) * each) : 0;
  if (!exists || begin > end || end > values.size()) throw DamagedError("a record changed while it was read");
  return values.substr(begin, end - begin);
}

Record Frame::operator[](std::uint32_t number) const {
  Record record;
  record.argument = value(FrameColumn::arguments, number);
  record.payload = value(FrameColumn::payloads, number);
  record.output = value(FrameColumn::outputs, number);
  if (has(FrameColumn::fingerprints)) record.fingerprint = fingerprint(number);
  record.index = element(FrameColumn::indices, number, layout_.first + number);
  record.attempt = element(FrameColumn::attempts, number, layout_.attempt);
  const std::uint8_t bits = element(FrameColumn::bits, number, layout_.bits);
  record.outcome = static_cast<Outcome>(bits & outcome_mask);
  record.binding = bits & static_cast<std::uint8_t>(~outcome_mask);
  return record;
}

std::optional<Frame> FrameReader::frame_at(std::uint64_t at) {
  if (at > bytes_.size()) return std::nullopt;
  auto frame = Frame::at(bytes_.substr(at));
  if (!frame || frame->bytes().size() > hash_budget_) return std::nullopt;
  if (frame->is_whole(seed_)) return frame;
  hash_budget_ -= frame->bytes().size();
  return std::nullopt;
}

std::optional<Frame> FrameReader::next() {
  const std::uint64_t start = at_;
  for (std::uint64_t at = at_; at < bytes_.size(); at = bytes_.find(frame_magic, at + 1)) {
    if (auto frame = frame_at(at)) {
      damaged_ += at - start;
      at_ = at + frame->bytes().size();
      return frame;
    }
  }
  tail_ = bytes_.size() - std::min<std::uint64_t>(start, bytes_.size());
  at_ = bytes_.size();
  return std::nullopt;
}

}  // namespace tasker::store
