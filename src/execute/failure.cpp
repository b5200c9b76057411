#include "execute/failure.hpp"

#include "base/console.hpp"
#include "store/record.hpp"

#include <cstddef>

namespace tasker::execute {

namespace {

constexpr std::size_t longest_message = 4096;
constexpr int most_lines = 10;
constexpr std::size_t most_bytes = 2048;
constexpr std::string_view ellipsis = "…";

/// Whether this byte continues a character (UTF-8): no text is cut before it.
bool is_inside_character(char byte) { return (byte & 0xC0) == 0x80; }

std::string shortened(std::string_view message) {
  if (message.size() <= longest_message) return std::string(message);
  std::size_t size = longest_message - ellipsis.size();
  while (size > 0 && is_inside_character(message[size])) --size;
  return std::string(message.substr(0, size)).append(ellipsis);
}

}  // namespace

TaskFailure failure_of(std::uint64_t index, std::string_view message, std::string_view output) {
  return {index, shortened(message), 1, last_lines(output)};
}

std::string last_lines(std::string_view output) {
  const auto decoded = store::decode_output(output);
  if (!decoded) return {};
  std::string_view left = decoded->err.empty() ? decoded->out : decoded->err;
  std::string lines;
  for (int count = 0; count < most_lines && !left.empty();) {
    // A program that rewrites its line, such as a progress bar, ends it with a carriage return.
    const std::size_t before = left.find_last_of("\n\r");
    std::string line = base::escaped(left.substr(before == left.npos ? 0 : before + 1));
    left = left.substr(0, before == left.npos ? 0 : before);
    if (line.empty()) continue;
    const std::size_t room = most_bytes - lines.size();
    if (line.size() >= room) {
      if (room < 2 * ellipsis.size()) break;
      std::size_t from = line.size() - (room - ellipsis.size() - 1);
      while (from < line.size() && is_inside_character(line[from])) ++from;
      line.replace(0, from, ellipsis);
      left = {};
    }
    if (!lines.empty()) line += '\n';
    lines.insert(0, line);
    ++count;
  }
  return lines;
}

}  // namespace tasker::execute
