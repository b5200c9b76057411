#include "talk/connection.hpp"

#include "base/file.hpp"
#include "base/sleep.hpp"
#include "talk/tcp.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace tasker::talk {

namespace {

constexpr int most_waiting = 4096;
/// So large that a chunk with its arguments finds room at once.
constexpr int buffer_size = 1 << 20;

/// The address of a socket in a directory that is kept open: the path itself may be longer than an address.
struct Address {
  explicit Address(const std::filesystem::path& path)
      : directory(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    socket.sun_family = AF_UNIX;
    const std::string name =
        "/proc/self/fd/" + std::to_string(directory.get()) + "/" + path.filename().string();
    std::strncpy(socket.sun_path, name.c_str(), sizeof socket.sun_path - 1);
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&socket); }

  base::Descriptor directory;
  sockaddr_un socket{};
};

base::Descriptor unix_socket() {
  base::Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) base::throw_errno("create", "a socket");
  return fd;
}

}  // namespace

Connection::Connection(int fd) : pipe_(fd), unshared_(fd) {
  // Where the system refuses, messages take more turns.
  (void)::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_size, sizeof buffer_size);
}

Connection::Connection(int fd, Role role, const Key& key, std::chrono::milliseconds lost_after)
    : Connection(fd, std::make_unique<EncryptedWire>(role, key)) {
  set_no_delay(fd);
  give_up_after(fd, lost_after);
  flush();
}

Connection::Connection(int fd, std::unique_ptr<EncryptedWire> wire)
    : wire_(wire.get()), pipe_(fd, std::move(wire)), unshared_(fd) {}

void Connection::send(std::int32_t rank, std::string message) {
  std::string tag;
  detail::put(tag, rank);
  message.insert(0, tag);
  pipe_.post(std::move(message));
}

void Connection::close() {
  unshared_.lift();
  pipe_.close();
}

std::optional<Connection::Said> Connection::receive() {
  auto message = pipe_.take();
  for (bool more = !message; more && !message; message = pipe_.take()) more = pipe_.fetch();
  if (!message) return std::nullopt;
  Said said;
  said.rank = detail::Reader(*message).number<std::int32_t>();
  message->erase(0, sizeof said.rank);
  said.message = std::move(*message);
  return said;
}

base::Descriptor listen_at(const std::filesystem::path& path) {
  base::Descriptor fd = unix_socket();
  const Address address(path);
  if (::bind(fd.get(), address.get(), sizeof address.socket) != 0 || ::listen(fd.get(), most_waiting) != 0)
    base::throw_errno("listen at", path);
  return fd;
}

std::optional<Connection> connect_to(const std::filesystem::path& path) {
  base::Descriptor fd = unix_socket();
  const Address address(path);
  if (::connect(fd.get(), address.get(), sizeof address.socket) != 0) return std::nullopt;
  return Connection(fd.release());
}

namespace {

/// An attempt to connect to one address.
struct Attempt {
  UnsharedDescriptor fd;
  std::optional<Connection> connection;  // since somebody has answered

  int watched() const { return connection ? connection->fd() : fd.get(); }
};

/// Goes on with an attempt about which there is news; false if it has failed.
bool go_on(Attempt& attempt, const Key& key, std::chrono::milliseconds lost_after) {
  if (!attempt.connection) {
    if (socket_error(attempt.fd.get()) != 0) return false;
    attempt.connection.emplace(attempt.fd.release(), Role::connects, key, lost_after);
    return true;
  }
  try {
    (void)attempt.connection->receive();
  } catch (const DamagedError&) {
    return false;
  }
  return attempt.connection->is_proven() || !attempt.connection->has_ended();
}

}  // namespace

std::optional<Connection> connect_to(std::span<const std::string> addresses, const Key& key,
                                     std::chrono::milliseconds lost_after, base::Time deadline) {
  std::vector<Attempt> attempts;
  for (const std::string& text : addresses)
    if (const auto address = parse_address(text))
      if (Attempt attempt{tcp_socket(), {}}; begin_to_connect(attempt.fd.get(), *address))
        attempts.push_back(std::move(attempt));
  bool any_stranger = false;
  while (!attempts.empty()) {
    std::vector<pollfd> watched;
    for (const Attempt& attempt : attempts)
      watched.push_back({attempt.watched(), static_cast<short>(attempt.connection ? POLLIN : POLLOUT), 0});
    if (base::sleep_until(deadline, watched)) return std::nullopt;
    for (std::size_t i = attempts.size(); i-- > 0;) {
      if (watched[i].revents == 0) continue;
      Attempt& attempt = attempts[i];
      if (!go_on(attempt, key, lost_after)) {
        any_stranger = any_stranger || attempt.connection;
        attempts.erase(attempts.begin() + static_cast<std::ptrdiff_t>(i));
      } else if (attempt.connection && attempt.connection->is_proven()) {
        return std::move(attempt.connection);
      }
    }
  }
  if (any_stranger) throw DamagedError("who listens there does not have the same key");
  return std::nullopt;
}

}  // namespace tasker::talk
