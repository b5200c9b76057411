#include "store/frame_builder.hpp"

#include <tasker/detail/bytes.hpp>

#include <algorithm>
#include <limits>

namespace tasker::store {

namespace {

/// Arguments that are longer than this on average are recorded with their fingerprints: comparing these is
/// faster.
constexpr std::uint64_t long_argument = 64;
constexpr std::size_t most_kept = std::size_t{1} << 24;

}  // namespace

/// Appends to a column what record `number` has. The column begins with the first value that is not the
/// expected one.
template <class T, class Expected>
void FrameBuilder::put(FrameColumn which, T value, std::uint32_t number, Expected expected) {
  std::string& all = column(which);
  if (all.empty()) {
    if (value == expected(number)) return;
    for (std::uint32_t i = 0; i < number; ++i) detail::put(all, static_cast<T>(expected(i)));
  }
  detail::put(all, value);
}

void FrameBuilder::add(const Record& record, bool copy) {
  const std::string_view argument = keep_arguments_ ? record.argument : std::string_view();
  const auto bits = static_cast<std::uint8_t>(static_cast<std::uint8_t>(record.outcome) | record.binding);
  const auto attempt = static_cast<std::uint16_t>(
      std::min<std::uint32_t>(record.attempt, std::numeric_limits<std::uint16_t>::max()));
  const std::uint32_t number = layout_.records++;
  if (number == 0) {
    layout_ = {1, record.index, 0, attempt, bits};
    argument_size_ = argument.size();
    payload_size_ = record.payload.size();
  }
  if (record.fingerprint || !keep_arguments_) {
    const Fingerprint fingerprint =
        record.fingerprint ? *record.fingerprint : fingerprinter_(record.argument);
    detail::put(column(FrameColumn::fingerprints), fingerprint.low, fingerprint.high);
  }
  const auto add_value = [&](FrameColumn which, std::string_view value, std::uint64_t expected_size) {
    std::string& all = column(which);
    if (copy) all += value;
    put(ends_of(which), std::uint64_t{all.size() + (copy ? 0 : value.size())}, number,
        [&](std::uint64_t i) { return (i + 1) * expected_size; });
  };
  add_value(FrameColumn::arguments, argument, argument_size_);
  add_value(FrameColumn::payloads, record.payload, payload_size_);
  add_value(FrameColumn::outputs, record.output, 0);
  put(FrameColumn::indices, record.index, number, [this](std::uint64_t i) { return layout_.first + i; });
  put(FrameColumn::attempts, attempt, number, [this](auto) { return layout_.attempt; });
  put(FrameColumn::bits, bits, number, [this](auto) { return layout_.bits; });
  if (copy) {
    values_ += argument.size() + record.payload.size() + record.output.size();
  } else {
    last_ = record;
    last_.argument = argument;
  }
}

/// Makes the fingerprints of arguments that are long, and kept.
void FrameBuilder::add_fingerprints() {
  const std::string_view copied = column(FrameColumn::arguments);
  std::string& fingerprints = column(FrameColumn::fingerprints);
  if (!fingerprints.empty() || copied.size() + last_.argument.size() <= long_argument * records()) return;
  const std::string_view ends = column(FrameColumn::argument_ends);
  std::uint64_t begin = 0;
  for (std::uint32_t i = 0; i < records(); ++i) {
    const std::uint64_t end = ends.empty()
                                  ? begin + argument_size_
                                  : detail::Reader(ends.substr(i * sizeof(begin))).number<std::uint64_t>();
    const Fingerprint fingerprint =
        fingerprinter_(end <= copied.size() ? copied.substr(begin, end - begin) : last_.argument);
    detail::put(fingerprints, fingerprint.low, fingerprint.high);
    begin = end;
  }
}

FrameParts FrameBuilder::frame(const FrameInfo& info) {
  add_fingerprints();
  FrameLayout layout = layout_;
  layout.arguments = column(FrameColumn::arguments).size() + last_.argument.size();
  before_values_.clear();
  for (std::size_t i = 0; i < column_widths.size(); ++i) {
    if (!columns_[i].empty()) layout.columns |= static_cast<std::uint8_t>(1U << i);
    before_values_ += columns_[i];
  }
  FrameParts parts{{},
                   before_values_,
                   {column(FrameColumn::arguments), last_.argument, column(FrameColumn::payloads),
                    last_.payload, column(FrameColumn::outputs), last_.output}};
  header_ = frame_header(info, layout, parts.size() - sizeof(std::uint64_t));
  parts.header = header_;
  return parts;
}

void FrameBuilder::clear() {
  layout_ = {};
  last_ = {};
  values_ = 0;
  for (std::string& column : columns_) {
    // A larger buffer, which a huge value has needed, is not kept: all that follow may be tiny.
    if (column.capacity() > most_kept) std::string().swap(column);
    column.clear();
  }
}

}  // namespace tasker::store
