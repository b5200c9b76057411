#pragma once

#include "talk/handshake.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tasker::talk {

/// One end of an encrypted connection between two processes that share a key, without the connection: the
/// caller carries the bytes, and limits the time until the channel is open.
///
/// Who can do anything with the network, but has not the key, can end the connection, and see how much is
/// said when. He can neither read what is said, nor change, repeat, reorder, leave out or add anything. There
/// is no last word: the end of a connection may come from anybody.
///
/// A forked child must not use the channel of its parent: two would encrypt with the same keys.
class Channel {
 public:
  /// Throws SystemError.
  Channel(Role role, const Key& key);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  /// Leaves no key in memory.
  ~Channel();

  /// Takes bytes that have arrived from the other end, cut anywhere. Throws DamagedError if the other end
  /// does not prove that it has the key, or something on the way has changed the bytes. Then the connection
  /// is to be closed: all further calls throw, too.
  void receive(std::string_view bytes);

  /// Whether the other end has proved that it has the key.
  bool is_open() const { return streams_ != nullptr; }

  /// Encrypts `plain` into `to_send()`. Only when the channel is open. Of very much the caller gives some at
  /// a time, as it can be sent: that saves memory.
  void send(std::string_view plain);

  /// What the other end is to receive. The caller takes from the front what it has sent.
  std::string& to_send() { return to_send_; }
  const std::string& to_send() const { return to_send_; }
  /// What the other end has said, all of it authentic. The caller takes it from there.
  std::string& received() { return received_; }

 private:
  struct Streams;

  std::size_t next_size(std::string_view front) const;
  void take(std::string_view next);
  void decrypt(std::string_view part);

  std::optional<Handshake> handshake_;  // until both streams have begun
  std::unique_ptr<Streams> streams_;
  std::string refusal_;  // why nothing more is believed
  std::string partial_;  // the beginning of what comes next
  std::string to_send_;
  std::string received_;
};

}  // namespace tasker::talk
