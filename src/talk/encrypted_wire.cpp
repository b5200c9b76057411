#include "talk/encrypted_wire.hpp"

#include "base/retried.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace tasker::talk {

namespace {
/// How much is encrypted in one part, and how much at most waits to be sent.
constexpr std::size_t piece = std::size_t{1} << 16;
}  // namespace

/// Sends what is encrypted; false if the other end is gone.
bool EncryptedWire::push(int fd) {
  std::string& out = channel_.to_send();
  while (!out.empty()) {
    const ssize_t sent =
        base::retried([&] { return ::send(fd, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL); });
    if (sent < 0 && errno == EAGAIN) return true;
    if (sent < 0) {
      out.clear();
      return false;
    }
    out.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

std::optional<std::size_t> EncryptedWire::send(int fd, std::span<const std::string_view> parts) {
  if (!push(fd)) return std::nullopt;
  if (!is_open() || has_unsent()) return 0;
  // Small parts go together, since each encrypted one costs a checksum.
  std::string plain;
  for (const std::string_view part : parts) plain += part.substr(0, piece - plain.size());
  channel_.send(plain);
  if (!push(fd)) return std::nullopt;
  return plain.size();
}

std::optional<std::size_t> EncryptedWire::receive(int fd, std::span<char> bytes) {
  std::string& plain = channel_.received();
  while (plain.empty()) {
    char arrived[piece];
    const ssize_t got = base::retried([&] { return ::recv(fd, arrived, sizeof arrived, MSG_DONTWAIT); });
    if (got < 0 && errno == EAGAIN) return 0;
    if (got <= 0) return std::nullopt;
    channel_.receive({arrived, static_cast<std::size_t>(got)});
    if (!push(fd)) return std::nullopt;
  }
  const std::size_t size = std::min(bytes.size(), plain.size());
  plain.copy(bytes.data(), size);
  plain.erase(0, size);
  return size;
}

}  // namespace tasker::talk
