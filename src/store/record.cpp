#include "store/record.hpp"

#include "base/hash.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tasker::store {

using detail::put;

namespace {

/// Seven bits a byte, the lowest first; the high bit says that more follow.
/// Returns the end.
char* put_varint(char* out, std::uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

char* put_number(char* out, std::uint64_t value) {
  value = detail::little_endian(value);
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}

constexpr std::size_t longest_varint = 10;

/// Reads a number at `at`, which moves behind it; false if it does not end
/// before `end`.
bool get_varint(const char*& at, const char* end, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(*at++);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

std::uint64_t get_number(const char* at) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return detail::little_endian(value);
}

constexpr std::size_t checksum_at = frame_header_size - sizeof(std::uint64_t);

std::uint64_t frame_checksum(std::string_view header, std::string_view head, std::string_view tail,
                             std::uint64_t seed) {
  return base::hash64(head, tail, base::hash64(header.substr(0, checksum_at), seed));
}

}  // namespace

std::string encode_output(const Output& output) {
  if (output.out.empty() && output.err.empty()) return {};
  char size[longest_varint];
  return std::string(size, put_varint(size, output.out.size())) + output.out + output.err;
}

std::optional<Output> decode_output(std::string_view bytes) {
  const char* at = bytes.data();
  std::uint64_t size = 0;
  if (!get_varint(at, bytes.data() + bytes.size(), size)) return std::nullopt;
  bytes.remove_prefix(static_cast<std::size_t>(at - bytes.data()));
  if (size > bytes.size()) return std::nullopt;
  return Output{std::string(bytes.substr(0, size)), std::string(bytes.substr(size))};
}

void put_record_head(std::string& out, const Record& record) {
  char head[5 * longest_varint + 17];
  char* end = put_varint(head, record.index);
  end = put_number(end, record.fingerprint.low);
  end = put_number(end, record.fingerprint.high);
  const std::uint8_t output = record.output.empty() ? 0 : has_output;
  *end++ = static_cast<char>(static_cast<std::uint8_t>(record.outcome) | record.binding | output);
  end = put_varint(end, record.attempt);
  end = put_varint(end, record.argument.size());
  end = put_varint(end, record.payload.size());
  if (output != 0) end = put_varint(end, record.output.size());
  out.append(head, static_cast<std::size_t>(end - head));
  out += record.argument;
  out += record.output;
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

bool get_record(const char*& at, const char* end, Record& record) {
  if (!get_varint(at, end, record.index) || end - at < 17) return false;
  record.fingerprint.low = get_number(at);
  record.fingerprint.high = get_number(at + 8);
  const auto bits = static_cast<std::uint8_t>(at[16]);
  at += 17;
  record.outcome = static_cast<Outcome>(bits & outcome_mask);
  record.binding = bits & static_cast<std::uint8_t>(~(outcome_mask | has_output));
  std::uint64_t attempt = 0;
  std::uint64_t argument = 0;
  std::uint64_t payload = 0;
  std::uint64_t output = 0;
  if (!get_varint(at, end, attempt) || !get_varint(at, end, argument) || !get_varint(at, end, payload))
    return false;
  if ((bits & has_output) != 0 && !get_varint(at, end, output)) return false;
  const auto left = static_cast<std::uint64_t>(end - at);
  if (argument > left || output > left - argument || payload > left - argument - output) return false;
  record.attempt = static_cast<std::uint32_t>(attempt);
  const auto take = [&at](std::uint64_t size) {
    return std::string_view(std::exchange(at, at + size), size);
  };
  record.argument = take(argument);
  record.output = take(output);
  record.payload = take(payload);
  return true;
}

std::optional<Record> RecordReader::next() {
  Record record;
  const char* at = body_.data() + at_;
  if (!get_record(at, body_.data() + body_.size(), record)) return std::nullopt;
  at_ = static_cast<std::size_t>(at - body_.data());
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

std::optional<Frame> FrameReader::frame_at(std::uint64_t at) {
  if (at > bytes_.size() || bytes_.size() - at < frame_header_size) return std::nullopt;
  const std::string_view header = bytes_.substr(at, frame_header_size);
  detail::Reader in(header);
  Frame frame;
  frame.offset = at;
  if (detail::Reader(header).number<std::uint32_t>() != frame_magic) return std::nullopt;
  std::uint64_t size = 0;
  frame.info = read_frame_info(in, &size);
  const auto checksum = in.number<std::uint64_t>();
  if (size > bytes_.size() - at - frame_header_size || size > effort_) return std::nullopt;
  frame.body = bytes_.substr(at + frame_header_size, size);
  if (frame_checksum(header, frame.body, {}, seed_) == checksum) return frame;
  effort_ -= size;
  return std::nullopt;
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
