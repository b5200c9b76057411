#pragma once

#include "base/pipe.hpp"
#include "talk/unshared.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
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

  /// Owns `fd`, a connected socket.
  explicit Connection(int fd);

  int fd() const { return pipe_.fd(); }
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
  base::Pipe pipe_;
  Unshared unshared_;  // destroyed first
};

/// A socket that listens at `path`, for the processes of this host that may use its directory. Throws
/// SystemError.
base::Descriptor listen_at(const std::filesystem::path& path);
/// Connects to it; nothing if nobody listens there.
std::optional<Connection> connect_to(const std::filesystem::path& path);

}  // namespace tasker::talk
