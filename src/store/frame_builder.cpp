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

/// Appends to a column what `count` more records have. The column begins where they are not all
/// `as_expected`.
template <class Values, class Expected>
void FrameBuilder::put(FrameColumn which, bool as_expected, std::uint32_t count, Values values,
                       Expected expected) {
  std::string& all = column(which);
  if (all.empty()) {
    if (as_expected) return;
    for (std::uint32_t i = 0; i < records(); ++i) detail::put(all, expected(i));
  }
  for (std::uint32_t i = 0; i < count; ++i) detail::put(all, values(i));
}

void FrameBuilder::add(const Record& first, std::uint32_t count, bool copy) {
  const std::string_view argument = keep_arguments_ ? first.argument : std::string_view();
  const auto bits = static_cast<std::uint8_t>(static_cast<std::uint8_t>(first.outcome) | first.binding);
  const auto attempt = static_cast<std::uint16_t>(
      std::min<std::uint32_t>(first.attempt, std::numeric_limits<std::uint16_t>::max()));
  if (records() == 0) {
    layout_ = {0, first.index, 0, attempt, bits};
    argument_size_ = argument.size() / count;
    payload_size_ = first.payload.size() / count;
  }
  if (first.fingerprint || !keep_arguments_) add_fingerprints(first, count);
  const auto add_values = [&](FrameColumn which, std::string_view values, std::uint64_t expected_size) {
    std::string& all = column(which);
    const std::uint64_t size = values.size() / count;
    put(
        ends_of(which), size == expected_size, count,
        [&](std::uint64_t i) { return all.size() + (i + 1) * size; },
        [&](std::uint64_t i) { return (i + 1) * expected_size; });
    if (copy) all += values;
  };
  add_values(FrameColumn::arguments, argument, argument_size_);
  add_values(FrameColumn::payloads, first.payload, payload_size_);
  add_values(FrameColumn::outputs, first.output, 0);
  put(
      FrameColumn::indices, first.index == layout_.first + records(), count,
      [&](std::uint64_t i) { return first.index + i; }, [&](std::uint64_t i) { return layout_.first + i; });
  const auto put_common = [&]<class T>(FrameColumn which, T value, T expected) {
    put(
        which, value == expected, count, [=](auto) { return value; }, [=](auto) { return expected; });
  };
  put_common(FrameColumn::attempts, attempt, layout_.attempt);
  put_common(FrameColumn::bits, bits, layout_.bits);
  layout_.records += count;
  if (copy) {
    values_ += argument.size() + first.payload.size() + first.output.size();
  } else {
    last_ = first;
    last_.argument = argument;
  }
}

void FrameBuilder::add_fingerprints(const Record& first, std::uint32_t count) {
  const std::size_t size = first.argument.size() / count;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Fingerprint fingerprint =
        first.fingerprint ? *first.fingerprint : fingerprinter_(first.argument.substr(i * size, size));
    detail::put(column(FrameColumn::fingerprints), fingerprint.low, fingerprint.high);
  }
}

/// Makes the fingerprints of arguments that are long, and kept.
void FrameBuilder::add_fingerprints_of_long() {
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
  add_fingerprints_of_long();
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
