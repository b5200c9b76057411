#pragma once

#include "base/descriptor.hpp"

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tasker::base {

/// What the bytes of a Pipe become on their way, such as encrypted ones. Never waits.
class Wire {
 public:
  virtual ~Wire() = default;
  /// Sends what it can over `fd`. Returns how many bytes of the parts it has taken, 0 if there is no room for
  /// more; nothing if the other end is gone.
  virtual std::optional<std::size_t> send(int fd, std::span<const std::string_view> parts) = 0;
  /// Whether bytes that were taken have not been sent. False when the other end is gone.
  virtual bool has_unsent() const = 0;
  /// Fills `bytes` as far as there is something; nothing if the other end is gone. Throws DamagedError.
  virtual std::optional<std::size_t> receive(int fd, std::span<char> bytes) = 0;
};

/// One end of a connection between two processes, for whole messages.
class Pipe {
 public:
  /// Both ends. Programs that are started do not inherit them.
  static std::pair<Pipe, Pipe> make();

  Pipe() = default;
  explicit Pipe(int fd) : fd_(fd) {}
  /// Over `wire` only the functions that never wait may be used.
  Pipe(int fd, std::unique_ptr<Wire> wire) : fd_(fd), wire_(std::move(wire)) {}

  int fd() const { return fd_.get(); }
  void close() { fd_.close(); }

  /// Sends the parts as one message; waits until the other end has room. False if the other end is gone.
  bool send(std::span<const std::string_view> parts);
  bool send(std::initializer_list<std::string_view> parts) {
    return send(std::span(parts.begin(), parts.size()));
  }
  /// Waits for the next message. Nothing if the other end is gone. Throws DamagedError for other bytes.
  std::optional<std::string> receive();

  // The functions that follow never wait.

  /// Sends as much of a message in two parts as there is room for, and keeps the rest. The second part is not
  /// copied: the caller keeps it in place until `has_unsent()` is false.
  void post(std::string first, std::string_view second = {});
  /// Sends as much of the rest as there is room for now.
  void flush();
  /// Whether there is a rest.
  bool has_unsent() const { return !unsent_.empty() || (wire_ && wire_->has_unsent()); }

  /// Reads bytes that have arrived, a piece at most; whether there may be more.
  bool fetch();
  /// Whether the other end was found to be gone: nothing more will arrive.
  bool has_ended() const { return ended_; }
  /// The next message, if all of it has been fetched. Throws DamagedError for other bytes.
  std::optional<std::string> take();
  /// Whether the other end waits for this one: to fetch what it has sent, or to send the rest. Also true if
  /// the other end is gone.
  bool is_awaited() const;

 private:
  struct Posted {
    std::string first;  // behind the message's header
    std::string_view second;
    std::size_t size() const { return first.size() + second.size(); }
  };

  std::size_t room() const;
  std::size_t read(std::size_t most, int flags);
  std::optional<std::size_t> receive_some(std::span<char> bytes, int flags) const;
  void expect(std::size_t size);
  Descriptor fd_;
  std::unique_ptr<Wire> wire_;  // null: bytes travel as they are
  bool ended_ = false;
  std::string read_;
  std::size_t taken_ = 0;     // bytes at the front of `read_` that belong to messages already taken
  std::size_t expected_ = 0;  // size of the long message whose beginning is in `read_`; 0: there is none
  std::vector<Posted> unsent_;
  std::size_t sent_ = 0;  // bytes of the first unsent message that are on their way
};

}  // namespace tasker::base
