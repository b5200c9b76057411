#include "runtime/arguments.hpp"

#include "base/clock.hpp"
#include "base/process.hpp"
#include "talk/thrown.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// Of a block: to find an argument, those before it in its block are skipped.
constexpr std::size_t block_size = std::size_t{1} << 16;
constexpr auto portion_time = 2ms;
/// Made between two looks at the clock, where making one takes no time.
constexpr std::uint64_t most_at_once = 256;
constexpr std::size_t pass_size = std::size_t{1} << 20;

std::uint64_t count_in(std::string_view encoded) {
  std::uint64_t count = 0;
  for (detail::Reader in(encoded); !in.left().empty(); ++count) in.bytes(in.number<std::uint64_t>());
  return count;
}

}  // namespace

Arguments::Arguments(const detail::MapCall& call)
    : call_(call),
      made_(call.in_place ? call.count : 0),
      blocks_(call.path.parent_path()),
      bytes_(call.path.parent_path()) {}

/// Appends the next ones, `most` at most; those that were made before one that can't be are there then.
void Arguments::encode_next(std::uint64_t most, std::string& out) const {
  const std::string name = call_.path.string();
  const std::string where = "the arguments of " + name;
  const std::size_t before = out.size();
  try {
    const base::NoCopies guard(where);
    call_.encode_arguments(made_, std::min(call_.count, made_ + most), block_size, out);
  } catch (...) {
    const talk::Thrown why = talk::describe(std::current_exception());
    const std::uint64_t index = made_ + count_in(std::string_view(out).substr(before));
    throw Error(fmt::format("{}: the argument of task {} could not be made: {}", name, index, why.message),
                why.exit_code);
  }
}

bool Arguments::make_more() {
  const auto deadline = base::Clock::now() + portion_time;
  for (std::uint64_t step = 1; !all_made() && base::Clock::now() < deadline;
       step = std::min(2 * step, most_at_once)) {
    std::string block;
    encode_next(step, block);
    const std::lock_guard lock(mutex_);
    if (blocks_.empty() || bytes_.size() - (blocks_.end() - 1)->at >= block_size)
      blocks_.push_back({made_, bytes_.size()});
    bytes_.append(block);
    made_ += count_in(block);
  }
  return !all_made();
}

void Arguments::make(std::uint64_t count) {
  while (made() < count) make_more();
}

void Arguments::each(const std::function<bool(std::string_view argument)>& visit) {
  std::string packed;
  for (std::uint64_t index = 0; index < call_.count;) {
    make(index + 1);
    packed.clear();
    index += append(index, made(), pass_size, packed);
    for (detail::Reader in(packed); !in.left().empty();)
      if (!visit(in.bytes(in.number<std::uint64_t>()))) return;
  }
}

/// What its block holds from this argument on.
std::string_view Arguments::rest_of_block(std::uint64_t index) const {
  const auto behind =
      std::upper_bound(blocks_.begin(), blocks_.end(), index,
                       [](std::uint64_t wanted, const Block& block) { return wanted < block.first; });
  const Block& block = *std::prev(behind);
  const std::uint64_t end = behind == blocks_.end() ? bytes_.size() : behind->at;
  detail::Reader in({bytes_.begin() + block.at, static_cast<std::size_t>(end - block.at)});
  for (std::uint64_t i = block.first; i < index; ++i) in.bytes(in.number<std::uint64_t>());
  return in.left();
}

std::uint64_t Arguments::append(std::uint64_t first, std::uint64_t last, std::size_t most,
                                std::string& out) const {
  if (call_.in_place) return call_.encode_arguments(first, last, most, out);
  const std::lock_guard lock(mutex_);
  std::uint64_t index = first;
  for (std::string_view block; index < last && (index == first || out.size() < most); ++index) {
    if (block.empty()) block = rest_of_block(index);
    detail::Reader in(block);
    in.bytes(in.number<std::uint64_t>());
    out.append(block.substr(0, block.size() - in.left().size()));
    block = in.left();
  }
  return index - first;
}

std::string Arguments::operator[](std::uint64_t index) const {
  std::string argument;
  append(index, index + 1, 1, argument);
  return argument.substr(sizeof(std::uint64_t));
}

}  // namespace tasker::runtime
