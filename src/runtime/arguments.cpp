#include "runtime/arguments.hpp"

#include "base/clock.hpp"
#include "base/hash.hpp"
#include "base/process.hpp"
#include "talk/thrown.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <span>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// The bytes of a block. To find an argument, a reader skips those before it in its block.
constexpr std::size_t block_size = std::size_t{1} << 16;
constexpr auto portion_time = 2ms;
/// The most arguments that are made between two looks at the clock.
constexpr std::uint64_t most_at_once = 256;
/// The most bytes that are kept in memory.
constexpr std::size_t most_recent = std::size_t{1} << 20;
constexpr std::size_t pass_size = std::size_t{1} << 20;

}  // namespace

Arguments::Arguments(const detail::MapCall& call)
    : call_(call), made_(call.in_place ? call.count : 0), blocks_(call.path.parent_path()) {}

/// Appends at most `most` arguments from `first` on to `out`; returns how many.
std::uint64_t Arguments::encode(std::uint64_t first, std::uint64_t most, std::string& out) const {
  const std::string name = call_.path.string();
  const std::string where = "the arguments of " + name;
  const std::size_t before = out.size();
  try {
    const base::NoCopies guard(where);
    return call_.encode_arguments(first, std::min(call_.count, first + most), block_size, out);
  } catch (...) {
    const talk::Thrown why = talk::describe(std::current_exception());
    std::uint64_t index = first;
    for (detail::Reader in(std::string_view(out).substr(before)); !in.left().empty(); ++index)
      call_.take_argument(in);
    throw Error(fmt::format("{}: the argument of task {} could not be made: {}", name, index, why.message),
                why.exit_code);
  }
}

bool Arguments::make_more() {
  const auto deadline = base::Clock::now() + portion_time;
  const auto goes_on = [&] { return !all_made() && base::Clock::now() < deadline; };
  std::string block;
  for (std::uint64_t step = 1; goes_on();) {
    block.clear();
    std::uint64_t end = made_;
    do {
      end += encode(end, step, block);
      step = std::min(2 * step, most_at_once);
    } while (end < call_.count && block.size() < block_size && base::Clock::now() < deadline);
    const base::Lock lock(mutex_);
    if (!call_.argument_size) blocks_.push_back({made_, recent_at_ + recent_.size()});
    keep(block);
    made_ = end;
  }
  return !all_made();
}

void Arguments::keep(std::string_view block) {
  recent_ += block;
  if (recent_.size() < most_recent) return;
  if (!written_.is_open()) written_ = base::File::create_nameless(call_.path.parent_path());
  written_.write_at(recent_at_, recent_);
  recent_at_ += recent_.size();
  recent_.clear();
}

void Arguments::read(std::uint64_t at, std::uint64_t size, std::string& out) const {
  const std::size_t before = out.size();
  const std::uint64_t written = at < recent_at_ ? std::min(size, recent_at_ - at) : 0;
  if (written > 0) {
    out.resize(before + written);
    written_.read_at(at, std::span(out).subspan(before));
  }
  if (written < size) out += std::string_view(recent_).substr(at + written - recent_at_, size - written);
}

void Arguments::make(std::uint64_t count) {
  while (made() < count) make_more();
}

void Arguments::each_run(const std::function<bool(std::string_view arguments, std::uint64_t count)>& visit) {
  std::string packed;
  for (std::uint64_t index = 0; index < call_.count;) {
    make(index + 1);
    packed.clear();
    std::uint64_t count = append(index, made(), pass_size, packed);
    index += count;
    if (call_.argument_size) {
      if (!visit(packed, count)) return;
      continue;
    }
    for (detail::Reader in(packed); count > 0; --count)
      if (!visit(call_.take_argument(in), 1)) return;
  }
}

void Arguments::each(const std::function<bool(std::string_view argument)>& visit) {
  each_run([&](std::string_view arguments, std::uint64_t count) {
    const std::size_t size = arguments.size() / count;
    for (std::uint64_t i = 0; i < count; ++i)
      if (!visit(arguments.substr(i * size, size))) return false;
    return true;
  });
}

std::uint64_t Arguments::append(std::uint64_t first, std::uint64_t last, std::size_t most,
                                std::string& out) const {
  if (call_.in_place) return call_.encode_arguments(first, last, most, out);
  const base::Lock lock(mutex_);
  if (call_.argument_size) {
    const std::uint64_t size = *call_.argument_size;
    const std::uint64_t room = most > out.size() ? (most - out.size()) / std::max(size, std::uint64_t{1}) : 0;
    const std::uint64_t count = std::min(last - first, std::max(room, std::uint64_t{1}));
    read(first * size, count * size, out);
    return count;
  }
  const Block* block = std::prev(
      std::upper_bound(blocks_.begin(), blocks_.end(), first,
                       [](std::uint64_t wanted, const Block& later) { return wanted < later.first; }));
  std::uint64_t index = block->first;
  for (; index < last && (index <= first || out.size() < most); ++block) {
    const bool is_last = block + 1 == blocks_.end();
    const std::uint64_t end = is_last ? made() : block[1].first;
    const std::uint64_t bytes_end = is_last ? recent_at_ + recent_.size() : block[1].at;
    if (index >= first && end <= last && out.size() + (bytes_end - block->at) <= most) {
      read(block->at, bytes_end - block->at, out);
      index = end;
      continue;
    }
    std::string bytes;
    read(block->at, bytes_end - block->at, bytes);
    for (detail::Reader in(bytes); index < std::min(end, last) && (index <= first || out.size() < most);
         ++index) {
      const std::string_view from = in.left();
      call_.take_argument(in);
      if (index >= first) out += from.substr(0, from.size() - in.left().size());
    }
  }
  return index - first;
}

Digest Arguments::digest() const {
  std::string packed;
  std::uint64_t index = 0;
  return base::hash128([&]() -> std::string_view {
    packed.clear();
    if (index < call_.count) index += append(index, call_.count, pass_size, packed);
    return packed;
  });
}

std::string Arguments::operator[](std::uint64_t index) const {
  std::string packed;
  append(index, index + 1, 1, packed);
  detail::Reader in(packed);
  return std::string(call_.take_argument(in));
}

}  // namespace tasker::runtime
