#include "store/record.hpp"

#include "base/hash.hpp"

#include <algorithm>

namespace tasker::store {

using detail::put;

namespace {

/// Seven bits a byte, the lowest first; the high bit says that more follow.
void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

constexpr std::size_t checksum_at = frame_header_size - sizeof(std::uint64_t);

std::uint64_t frame_checksum(std::string_view header, std::string_view head, std::string_view tail,
                             std::uint64_t seed) {
  return base::hash64(head, tail, base::hash64(header.substr(0, checksum_at), seed));
}

}  // namespace

void put_record_head(std::string& out, const Record& record) {
  put_varint(out, record.index);
  put(out, record.fingerprint.low);
  put(out, record.fingerprint.high);
  out.push_back(static_cast<char>(static_cast<std::uint8_t>(record.outcome) | record.binding));
  put_varint(out, record.attempt);
  put_varint(out, record.argument.size());
  put_varint(out, record.payload.size());
}

std::string frame_header(const FrameInfo& info, std::string_view head, std::string_view tail,
                         std::uint64_t seed) {
  std::string out;
  out.reserve(frame_header_size);
  put(out, frame_magic);
  put(out, info.records);
  put(out, std::uint64_t{head.size() + tail.size()});
  put(out, info.start);
  put(out, info.duration);
  put(out, info.cpu_time);
  put(out, info.memory);
  put(out, info.origin);
  put(out, info.type);
  put(out, frame_checksum(out, head, tail, seed));
  return out;
}

std::optional<std::uint64_t> RecordReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && at_ < body_.size(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(body_[at_++]);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

std::optional<Record> RecordReader::next() {
  Record record;
  const auto index = varint();
  if (!index || body_.size() - at_ < 17) return std::nullopt;
  record.index = *index;
  detail::Reader fixed(body_.substr(at_, 17));
  record.fingerprint.low = fixed.number<std::uint64_t>();
  record.fingerprint.high = fixed.number<std::uint64_t>();
  const auto bits = fixed.number<std::uint8_t>();
  at_ += 17;
  record.outcome = static_cast<Outcome>(bits & outcome_mask);
  record.binding = bits & static_cast<std::uint8_t>(~outcome_mask);
  const auto attempt = varint();
  const auto argument = varint();
  const auto payload = varint();
  if (!attempt || !argument || !payload) return std::nullopt;
  const std::size_t left = body_.size() - at_;
  if (*argument > left || *payload > left - *argument) return std::nullopt;
  record.attempt = static_cast<std::uint32_t>(*attempt);
  record.argument = body_.substr(at_, *argument);
  record.payload = body_.substr(at_ + *argument, *payload);
  at_ += *argument + *payload;
  return record;
}

FrameInfo read_frame_info(detail::Reader& in, std::uint64_t* body_size) {
  FrameInfo info;
  in.number<std::uint32_t>();  // the magic
  info.records = in.number<std::uint32_t>();
  const auto size = in.number<std::uint64_t>();
  if (body_size) *body_size = size;
  info.start = in.number<std::int64_t>();
  info.duration = in.number<std::uint64_t>();
  info.cpu_time = in.number<std::uint64_t>();
  info.memory = in.number<std::uint64_t>();
  info.origin = in.number<std::uint32_t>();
  info.type = in.number<std::uint32_t>();
  return info;
}

std::optional<Frame> FrameReader::frame_at(std::uint64_t at) const {
  if (at > bytes_.size() || bytes_.size() - at < frame_header_size) return std::nullopt;
  const std::string_view header = bytes_.substr(at, frame_header_size);
  detail::Reader in(header);
  Frame frame;
  frame.offset = at;
  if (detail::Reader(header).number<std::uint32_t>() != frame_magic) return std::nullopt;
  std::uint64_t size = 0;
  frame.info = read_frame_info(in, &size);
  const auto checksum = in.number<std::uint64_t>();
  if (size > bytes_.size() - at - frame_header_size) return std::nullopt;
  frame.body = bytes_.substr(at + frame_header_size, size);
  if (frame_checksum(header, frame.body, {}, seed_) != checksum) return std::nullopt;
  return frame;
}

std::optional<Frame> FrameReader::next() {
  static const std::string magic = [] {
    std::string bytes;
    put(bytes, frame_magic);
    return bytes;
  }();
  const std::uint64_t start = at_;
  for (std::uint64_t at = at_; at < bytes_.size(); at = bytes_.find(magic, at + 1)) {
    if (auto frame = frame_at(at)) {
      damaged_ += at - start;
      at_ = at + frame_header_size + frame->body.size();
      return frame;
    }
  }
  tail_ = bytes_.size() - std::min<std::uint64_t>(start, bytes_.size());
  at_ = bytes_.size();
  return std::nullopt;
}

}  // namespace tasker::store
