#pragma once

#include "base/descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tasker::base {

/// One end of a connection between a process and its child, for whole messages. Closes itself.
class Pipe {
 public:
  /// Both ends; neither is inherited by programs that are started.
  static std::pair<Pipe, Pipe> make();

  Pipe() = default;
  explicit Pipe(int fd) : fd_(fd) {}

  int fd() const { return fd_.get(); }
  void close() { fd_.close(); }

  /// Sends the parts as one message; waits until the other end has room. False if the other end is gone.
  bool send(std::initializer_list<std::string_view> parts);
  /// The next message; waits for it. Nothing if the other end is gone. Throws DamagedError for what is none.
  std::optional<std::string> receive();

  // What follows never waits.

  /// Sends, of a message in two parts, what there is room for, and keeps the rest. The second part is not
  /// copied: the caller keeps it where it is until `has_unsent()` is false.
  void post(std::string first, std::string_view second = {});
  /// Sends of that rest what there is room for by now.
  void flush();
  /// Whether there is a rest.
  bool has_unsent() const { return !unsent_.empty(); }

  /// Takes in what has arrived, a piece at most. Whether there may be more.
  bool fetch();
  /// Whether the other end was found to be gone: nothing more will arrive.
  bool has_ended() const { return ended_; }
  /// The next message, if all of it was taken in. Throws DamagedError for what is none.
  std::optional<std::string> take();
  /// Whether the other end waits for this one: to take in what has arrived, or to send the rest. Also where
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
  void expect(std::size_t size);
  Descriptor fd_;
  bool ended_ = false;
  std::string read_;  // what has arrived of messages not taken yet
  std::size_t taken_ = 0;
  std::size_t expected_ = 0;  // of the long message that `read_` is the beginning of; 0: there is none
  std::vector<Posted> unsent_;
  std::size_t sent_ = 0;  // of the first of these
};

}  // namespace tasker::base
