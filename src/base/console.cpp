#include "base/console.hpp"

#include "base/signals.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

namespace tasker::base {

namespace {

void write_all(std::string_view text) {
  const WithoutWriteSignals guard;  // a closed pipe, as of `2>&1 | head`, must not end the run
  while (!text.empty()) {
    const auto n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string shown;
  unsigned before = 0;
  for (const char c : text) {
    const unsigned byte = static_cast<unsigned char>(c);
    // In UTF-8, U+0080 to U+009F are control characters, too.
    const bool c1 = before == 0xC2 && byte >= 0x80 && byte < 0xA0;
    if (c1) shown.pop_back();
    if (c1 || byte == 0x7F || (byte < 0x20 && c != '\n' && c != '\t'))
      shown += fmt::format("\\x{:02x}", byte);
    else
      shown += c;
    before = byte;
  }
  return shown;
}

void say(std::string_view text) { write_all(escaped(text)); }

void say_instead(std::string_view text) { write_all("\r\033[K" + escaped(text)); }

}  // namespace tasker::base
