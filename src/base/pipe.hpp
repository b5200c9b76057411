#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tasker::base {

/// One end of a connection between a process and its child, for whole messages. Closes itself.
class Pipe {
 public:
  /// Both ends; neither is inherited by programs that are started.
  static std::pair<Pipe, Pipe> make();

  Pipe() = default;
  explicit Pipe(int fd) : fd_(fd) {}
  Pipe(Pipe&& other) noexcept;
  Pipe& operator=(Pipe&& other) noexcept;
  ~Pipe();

  int fd() const { return fd_; }
  void close();

  /// Sends the parts as one message; waits until the other end has room. False if the other end is gone.
  bool send(std::initializer_list<std::string_view> parts);
  /// The next message; waits for it. Nothing if the other end is gone. Throws DamagedError for what is none.
  std::optional<std::string> receive();
  /// The same, if all of it is here. Never waits. Nothing behind the last of those that are here; the next
  /// call looks for more.
  std::optional<std::string> poll();

 private:
  std::optional<std::string> take();
  std::size_t next_read() const;
  std::size_t read(int flags);
  int fd_ = -1;
  std::string read_;  // what has arrived of messages not taken yet
  std::size_t taken_ = 0;
  std::size_t wanted_ = 0;  // the end of a large one that has begun to arrive, in `read_`
  bool emptied_ = false;    // by the last read of poll(): the next one would find nothing
};

}  // namespace tasker::base
