#include "execute/last_lines.hpp"

#include "base/console.hpp"
#include "store/record.hpp"

#include <cstddef>

namespace tasker::execute {

namespace {

constexpr int most_lines = 10;
constexpr std::size_t most_bytes = 2048;

}  // namespace

std::string last_lines(std::string_view output) {
  const auto decoded = store::decode_output(output);
  if (!decoded) return {};
  std::string_view left = decoded->err.empty() ? decoded->out : decoded->err;
  std::string lines;
  for (int count = 0; count < most_lines && !left.empty();) {
    // A program that rewrites its line ends it with a carriage return.
    const std::size_t before = left.find_last_of("\n\r");
    std::string line = base::escaped(left.substr(before == left.npos ? 0 : before + 1));
    left = left.substr(0, before == left.npos ? 0 : before);
    if (line.empty()) continue;
    const std::size_t room = most_bytes - lines.size();
    if (line.size() >= room) {
      // Its end, from the begin of a character (UTF-8) on.
      const std::string_view ellipsis = "…";
      if (room < 2 * ellipsis.size()) break;
      std::size_t from = line.size() - (room - ellipsis.size() - 1);
      while (from < line.size() && (line[from] & 0xC0) == 0x80) ++from;
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
