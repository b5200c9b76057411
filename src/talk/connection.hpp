#pragma once

#include "base/clock.hpp"
#include "base/pipe.hpp"
#include "talk/encrypted_wire.hpp"
#include "talk/unshared.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace tasker::talk {

/// What two runs say to each other: one end leads the map, the other one has joined it. Whole messages, in
/// order; each one is from or to a rank of the run that has joined, or concerns that run as a whole. Never
/// waits. The connection ends when one of the two processes dies: forked children don't hold it.
class Connection {
 public:
  /// In the place of a rank: the run as a whole.
  static constexpr std::int32_t whole_run = -1;

  struct Said {
    std::int32_t rank = whole_run;
    std::string message;  ///< Empty: this rank is gone.
  };

  /// Owns `fd`, a connected Unix socket.
  explicit Connection(int fd);
  /// Owns `fd`, a connected TCP socket: what is said over it is encrypted. The connection counts as lost when
  /// the other host is silent for `lost_after`.
  Connection(int fd, Role role, const Key& key, std::chrono::milliseconds lost_after);

  int fd() const { return pipe_.fd(); }
  /// Whether the other end has proved that it belongs here. Before that nothing is received.
  bool is_proven() const { return !wire_ || wire_->is_open(); }
  void send(std::int32_t rank, std::string message);
  /// Whether something still waits to be sent: `flush` when there is room.
  bool has_unsent() const { return pipe_.has_unsent(); }
  void flush() { pipe_.flush(); }
  /// The next message that has arrived, if any. Throws DamagedError for bytes that are none.
  std::optional<Said> receive();
  /// Ends the connection here.
  void close();
  /// Whether the connection was closed here, or the other end is gone, and all that it said has been
  /// received.
  bool has_ended() const { return fd() < 0 || pipe_.has_ended(); }

 private:
  Connection(int fd, std::unique_ptr<EncryptedWire> wire);

  EncryptedWire* wire_ = nullptr;  // of the pipe
  base::Pipe pipe_;
  Unshared unshared_;  // destroyed first
};

/// A socket that listens at `path`, for the processes of this host that may use its directory. Throws
/// SystemError.
base::Descriptor listen_at(const std::filesystem::path& path);
/// Connects to it; nothing if nobody listens there.
std::optional<Connection> connect_to(const std::filesystem::path& path);
/// Connects over TCP to one of `addresses`, at which somebody proves to have the key. Nothing if there is
/// nobody until `deadline`. Throws DamagedError if somebody is there, but ends the connection before it has
/// proved that.
std::optional<Connection> connect_to(std::span<const std::string> addresses, const Key& key,
                                     std::chrono::milliseconds lost_after, base::Time deadline);

}  // namespace tasker::talk
