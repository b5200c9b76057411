#pragma once

#include "talk/host.hpp"
#include "talk/unshared.hpp"

#include <tasker/digest.hpp>

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// How one process learns of the end of another, on any host: a TCP connection that is held for as long as
/// both live. The kernel closes it when a process dies, and gives it up when the other host, or the way to
/// it, is gone for too long; no process has to do anything for that, whatever it is busy with. A process that
/// ends in order says a last word, so that an end without one is a death. Only the process that made a
/// lifeline holds it: the children that it forks do not.
namespace tasker::talk {

/// 128 random bits, known to the processes of one run. Keeps strangers out, not those who can read the
/// network.
using Secret = Digest;
/// Throws SystemError.
Secret make_secret();

/// A host that gives no sign of life for this long is lost.
inline constexpr std::chrono::milliseconds default_lost_after{10000};

/// The end of a lifeline that connects.
class Lifeline {
 public:
  /// Connects to the first of `addresses` that answers; addresses and port are in network byte order.
  /// `number` tells the other end who this is. Throws SystemError.
  Lifeline(std::span<const in_addr_t> addresses, in_port_t port, const Secret& secret, std::uint32_t number);

  /// Readable when the other end has said its last word, or is gone.
  int fd() const { return fd_.get(); }
  /// The other end's last word; nothing if it has died. To be called when `fd` is readable.
  std::optional<std::uint32_t> hear() const;
  void say(std::uint32_t last_word) const;
  void set_lost_after(std::chrono::milliseconds lost_after) const;

 private:
  UnsharedDescriptor fd_;
};

/// The listening end of many lifelines.
class Lifelines {
 public:
  /// Listens at `address` (network byte order) for about `expected` connections, and raises this process's
  /// limit on open files to hold them.
  Lifelines(in_addr_t address, const Secret& secret, std::size_t expected);

  /// In network byte order.
  in_port_t port() const { return bound_address(listener_.get()).sin_port; }
  /// Readable when there is something to look at.
  int fd() const { return epoll_.get(); }

  struct End {
    std::uint32_t number = 0;
    std::optional<std::uint32_t> last_word;  ///< Nothing: a death.
    bool silent = false;                     ///< The host gave no sign of life. Else its process has ended.
  };
  /// Accepts connections and reads from them, without waiting. Returns the lifelines that have ended since
  /// the last call.
  std::vector<End> look();
  bool holds(std::uint32_t number) const { return fds_.contains(number); }

  /// Says the last word to all.
  void say(std::uint32_t last_word) const;
  /// For the connections that are there, and those to come.
  void set_lost_after(std::chrono::milliseconds lost_after);

 private:
  struct Peer {
    UnsharedDescriptor fd;
    std::string heard;
    std::optional<std::uint32_t> number;
    bool silent = false;
  };
  void accept();
  bool hear(Peer& peer);
  bool notify(int fd) const;

  Secret secret_;
  std::size_t most_;  // connections at a time
  std::chrono::milliseconds lost_after_ = default_lost_after;
  UnsharedDescriptor listener_;
  UnsharedDescriptor epoll_;
  std::map<int, Peer> peers_;         // by descriptor
  std::map<std::uint32_t, int> fds_;  // of the peers that have said their number
};

}  // namespace tasker::talk
