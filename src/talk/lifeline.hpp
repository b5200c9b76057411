#pragma once

#include <netinet/in.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// How one process learns of the end of another, on any host: a TCP connection that is held for as long as
/// both live. The kernel closes it when a process dies, and gives it up when the other host, or the way to
/// it, is gone for too long; no process has to do anything for that, whatever it is busy with. A process that
/// ends in order says a last word, so that an end without one is a death. It is the process that made a
/// lifeline whose death counts: children that it forks don't hold it.
namespace tasker::talk {

/// An address as sockets take it; both in network byte order.
sockaddr_in ipv4(in_addr_t address, in_port_t port);

/// Known to the processes of one run. Keeps strangers out, not those who can read the network.
using Secret = std::array<std::uint8_t, 16>;
/// Throws SystemError.
Secret make_secret();

/// Without a sign of life from the other host for this long, it is lost.
inline constexpr std::chrono::milliseconds default_lost_after{10000};

/// The end that connects.
class Lifeline {
 public:
  /// To the first of `addresses` (like `port` in network byte order) that answers; `number` says who this is.
  /// Throws SystemError.
  Lifeline(std::span<const in_addr_t> addresses, in_port_t port, const Secret& secret, std::uint32_t number);
  ~Lifeline();
  Lifeline(Lifeline&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Lifeline& operator=(Lifeline&&) = delete;

  /// Readable when the other end has said its last word, or is gone.
  int fd() const { return fd_; }
  /// The other end's last word; nothing if it has died. Call when `fd` is readable.
  std::optional<std::uint32_t> hear() const;
  void say(std::uint32_t last_word) const;
  void set_lost_after(std::chrono::milliseconds lost_after) const;

 private:
  int fd_ = -1;
};

/// The end that listens, for many lifelines.
class Lifelines {
 public:
  /// Listens at `address` (network byte order) for about `expected` others; allows this process the files
  /// that they take.
  Lifelines(in_addr_t address, const Secret& secret, std::size_t expected);
  ~Lifelines();
  Lifelines(const Lifelines&) = delete;
  Lifelines& operator=(const Lifelines&) = delete;

  /// In network byte order.
  in_port_t port() const;
  /// Readable when there is something to look at.
  int fd() const { return epoll_; }

  struct End {
    std::uint32_t number = 0;
    std::optional<std::uint32_t> last_word;  ///< Nothing: a death.
  };
  /// Takes what has happened, without waiting; the lifelines that have ended since the last call.
  std::vector<End> look();
  bool holds(std::uint32_t number) const { return fds_.contains(number); }

  /// To all.
  void say(std::uint32_t last_word) const;
  /// For those that are held, and all to come.
  void set_lost_after(std::chrono::milliseconds lost_after);

 private:
  struct Peer {
    std::string heard;
    std::optional<std::uint32_t> number;
  };
  void accept();
  bool hear(int fd, Peer& peer);

  Secret secret_;
  std::size_t most_;  // connections at a time
  std::chrono::milliseconds lost_after_ = default_lost_after;
  int listener_ = -1;
  int epoll_ = -1;
  std::map<int, Peer> peers_;         // by descriptor
  std::map<std::uint32_t, int> fds_;  // of those that have said who they are
};

}  // namespace tasker::talk
