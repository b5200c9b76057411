#include "base/pipe.hpp"

#include "base/file.hpp"
#include "base/retried.hpp"

#include <tasker/detail/bytes.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

namespace tasker::base {

namespace {
constexpr std::size_t piece = std::size_t{1} << 16;
constexpr std::size_t posted_at_once = 32;  // messages of two parts each; the kernel takes at most 1024 parts
constexpr std::size_t header_size = 16;     // the message's size, then its complement as a check

std::string header_of(std::uint64_t size) {
  std::string header;
  detail::put(header, size);
  detail::put(header, ~size);
  return header;
}

/// How many bytes of the parts were sent, 0 if there is no room; nothing if the other end is gone.
std::optional<std::size_t> send_some(int fd, std::span<const std::string_view> parts, int flags) {
  std::vector<iovec> pieces;
  pieces.reserve(parts.size());
  for (const std::string_view part : parts) pieces.push_back({const_cast<char*>(part.data()), part.size()});
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  const ssize_t sent = retried([&] { return ::sendmsg(fd, &message, flags | MSG_NOSIGNAL); });
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN) return 0;
  if (errno == EPIPE || errno == ECONNRESET) return std::nullopt;
  throw_errno("write to", "another process");
}

}  // namespace

std::pair<Pipe, Pipe> Pipe::make() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("create", "a socket pair");
  return {Pipe(ends[0]), Pipe(ends[1])};
}

bool Pipe::send(std::span<const std::string_view> parts) {
  std::uint64_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  const std::string header = header_of(size);
  std::vector<std::string_view> all{header};
  all.insert(all.end(), parts.begin(), parts.end());
  for (std::span<std::string_view> left = all; !left.empty();) {
    auto sent = send_some(fd(), left, 0);
    if (!sent) return false;
    for (; !left.empty() && *sent >= left.front().size(); left = left.subspan(1))
      *sent -= left.front().size();
    if (!left.empty()) left.front().remove_prefix(*sent);
  }
  return true;
}

void Pipe::post(std::string first, std::string_view second) {
  first.insert(0, header_of(first.size() + second.size()));
  unsent_.push_back({std::move(first), second});
  flush();
}

void Pipe::flush() {
  while (has_unsent()) {
    std::vector<std::string_view> left;
    for (const Posted& posted : std::span(unsent_).first(std::min(unsent_.size(), posted_at_once)))
      left.insert(left.end(), {posted.first, posted.second});
    if (!left.empty()) {
      const std::size_t of_first = std::min(sent_, left[0].size());
      left[0].remove_prefix(of_first);
      left[1].remove_prefix(sent_ - of_first);
    }
    const auto sent = wire_ ? wire_->send(fd(), left) : send_some(fd(), left, MSG_DONTWAIT);
    if (sent == 0U) return;
    sent_ += sent.value_or(0);
    if (!sent) unsent_.clear();  // the other end is gone, and nobody misses it
    while (!unsent_.empty() && sent_ >= unsent_.front().size()) {
      sent_ -= unsent_.front().size();
      unsent_.erase(unsent_.begin());
    }
    if (unsent_.empty()) sent_ = 0;
  }
}

/// How many bytes to read at a time: a piece, but none from behind a long message.
std::size_t Pipe::room() const { return expected_ > 0 ? std::min(piece, expected_ - read_.size()) : piece; }

/// Reads up to `most` bytes, a piece or less, and returns how many: 0 if none have arrived, or the other end
/// is gone.
std::size_t Pipe::read(std::size_t most, int flags) {
  char bytes[piece];
  const auto got = wire_ ? wire_->receive(fd(), {bytes, most}) : receive_some({bytes, most}, flags);
  ended_ = !got;
  read_.append(bytes, got.value_or(0));
  return got.value_or(0);
}

/// As Wire::receive.
std::optional<std::size_t> Pipe::receive_some(std::span<char> bytes, int flags) const {
  const ssize_t got = retried([&] { return ::recv(fd(), bytes.data(), bytes.size(), flags); });
  if (got < 0 && errno == EAGAIN) return 0;
  if (got < 0 && errno != ECONNRESET) throw_errno("read from", "another process");
  return got > 0 ? std::optional(static_cast<std::size_t>(got)) : std::nullopt;
}

/// Prepares for the rest of a long message. Its buffer is made once, at full size, and `take` returns that
/// buffer without a copy.
void Pipe::expect(std::size_t size) {
  read_.erase(0, std::exchange(taken_, 0) + header_size);
  try {
    read_.reserve(size);
  } catch (const std::exception&) {
    throw DamagedError("there is no memory for a message of " + std::to_string(size) + " bytes");
  }
  expected_ = size;
}

std::optional<std::string> Pipe::take() {
  if (expected_ > 0) {
    if (read_.size() < expected_) return std::nullopt;
    expected_ = 0;
    return std::exchange(read_, {});
  }
  const std::string_view here = std::string_view(read_).substr(taken_);
  if (here.size() < header_size) return std::nullopt;
  detail::Reader in(here);
  const auto size = in.number<std::uint64_t>();
  if (in.number<std::uint64_t>() != ~size)
    throw DamagedError("something else wrote into the pipe to a task's process");
  if (in.left().size() < size) {
    if (size > piece) expect(size);
    return std::nullopt;
  }
  std::string message(in.left().substr(0, size));
  taken_ += header_size + size;
  if (taken_ == read_.size() || taken_ > piece) read_.erase(0, std::exchange(taken_, 0));
  return message;
}

std::optional<std::string> Pipe::receive() {
  for (;;) {
    if (auto message = take()) return message;
    if (read(room(), 0) == 0) return std::nullopt;
  }
}

bool Pipe::fetch() {
  const std::size_t most = room();
  return most > 0 && read(most, MSG_DONTWAIT) == most;
}

bool Pipe::is_awaited() const {
  pollfd found{fd(), static_cast<short>(has_unsent() ? POLLIN | POLLOUT : POLLIN), 0};
  return ::poll(&found, 1, 0) > 0;
}

}  // namespace tasker::base
