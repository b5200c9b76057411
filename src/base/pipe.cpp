#include "base/pipe.hpp"

#include "base/file.hpp"

#include <tasker/detail/bytes.hpp>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace tasker::base {

namespace {
constexpr std::size_t piece = std::size_t{1} << 16;
constexpr std::size_t header_size = 16;  // the message's size, and again with all bits turned over
}  // namespace

std::pair<Pipe, Pipe> Pipe::make() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("create", "a socket pair");
  return {Pipe(ends[0]), Pipe(ends[1])};
}

Pipe::Pipe(Pipe&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      read_(std::move(other.read_)),
      taken_(std::exchange(other.taken_, 0)),
      wanted_(std::exchange(other.wanted_, 0)),
      emptied_(std::exchange(other.emptied_, false)) {}

Pipe& Pipe::operator=(Pipe&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(read_, other.read_);
  std::swap(taken_, other.taken_);
  std::swap(wanted_, other.wanted_);
  std::swap(emptied_, other.emptied_);
  return *this;
}

Pipe::~Pipe() { close(); }

void Pipe::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

bool Pipe::send(std::initializer_list<std::string_view> parts) {
  std::uint64_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  std::string header;
  detail::put(header, size);
  detail::put(header, ~size);
  std::vector<std::string_view> left{header};
  left.insert(left.end(), parts.begin(), parts.end());
  for (std::size_t first = 0; first < left.size();) {
    std::vector<iovec> pieces;
    for (std::size_t i = first; i < left.size(); ++i)
      pieces.push_back({const_cast<char*>(left[i].data()), left[i].size()});
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return false;
    if (sent < 0) throw_errno("write to", "a child process");
    for (auto gone = static_cast<std::size_t>(sent); first < left.size();) {
      const std::size_t taken = std::min(gone, left[first].size());
      left[first].remove_prefix(taken);
      gone -= taken;
      if (!left[first].empty()) break;
      ++first;
    }
  }
  return true;
}

/// Of a large message not beyond its end, so that it can be taken as it is.
std::size_t Pipe::next_read() const {
  return wanted_ > read_.size() ? std::min(piece, wanted_ - read_.size()) : piece;
}

/// Takes what has arrived, a piece at most; its size is 0 if nothing has, or the other end is gone.
std::size_t Pipe::read(int flags) {
  char bytes[piece];
  ssize_t got = 0;
  do got = ::recv(fd_, bytes, next_read(), flags);
  while (got < 0 && errno == EINTR);
  if (got < 0 && errno != EAGAIN && errno != ECONNRESET) throw_errno("read from", "a child process");
  const auto size = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  read_.append(bytes, size);
  return size;
}

std::optional<std::string> Pipe::take() {
  const std::string_view here = std::string_view(read_).substr(taken_);
  if (here.size() < header_size) return std::nullopt;
  detail::Reader in(here);
  const auto size = in.number<std::uint64_t>();
  if (in.number<std::uint64_t>() != ~size)
    throw DamagedError("something else wrote into the pipe to a task's process");
  if (in.left().size() < size) {
    // When some of it is here the rest is believed, and gets its place at once: there is one copy at a time.
    if (wanted_ == 0 && size > piece && in.left().size() > size / 16) {
      wanted_ = taken_ + header_size + size;
      read_.reserve(wanted_);
    }
    return std::nullopt;
  }
  if (wanted_ > 0 && wanted_ == read_.size()) {
    std::string message = std::exchange(read_, {});
    message.erase(0, std::exchange(taken_, 0) + header_size);
    wanted_ = 0;
    return message;
  }
  std::string message(in.left().substr(0, size));
  taken_ += header_size + size;
  if (taken_ == read_.size() || taken_ > piece) read_.erase(0, std::exchange(taken_, 0));
  return message;
}

std::optional<std::string> Pipe::receive() {
  for (;;) {
    if (auto message = take()) return message;
    if (read(0) == 0) return std::nullopt;
  }
}

std::optional<std::string> Pipe::poll() {
  for (;;) {
    if (auto message = take()) return message;
    if (std::exchange(emptied_, false)) return std::nullopt;
    const std::size_t most = next_read();
    const std::size_t size = read(MSG_DONTWAIT);
    if (size == 0) return std::nullopt;
    emptied_ = size < most;
  }
}

}  // namespace tasker::base
