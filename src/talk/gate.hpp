#pragma once

#include "talk/comm.hpp"
#include "talk/connection.hpp"
#include "talk/tcp.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace tasker::talk {

/// Where other runs join this one. Each of them has one connection. Each of them is a peer, and so is each of
/// its ranks: a peer is known by a number, and no number is given twice.
class Gate {
 public:
  /// Numbers from here on are those of a gate's peers: ranks of one's own run have lower ones.
  static constexpr int first = 1 << 24;

  /// Listens at a Unix socket of that name. Throws SystemError.
  explicit Gate(const std::filesystem::path& socket);

  /// Listens at `listener`, too, from now on. Who comes from there must prove to have `key`, within
  /// `patience`; only a few at a time may try. A host that is silent for `lost_after` is lost. `listener`
  /// outlives this.
  void listen(const Listener& listener, const Key& key, std::chrono::milliseconds lost_after,
              std::chrono::milliseconds patience = std::chrono::seconds(5));

  /// Readable when there is something to look at.
  int fd() const { return epoll_.get(); }
  /// The next thing that a peer has said, or that one is gone; never waits. A run that has not been admitted
  /// speaks as a whole only. When a run is gone that has spoken, its ranks are told of as gone first.
  std::optional<Envelope> next();
  /// Whether there is something for `next` that was read already: `fd` need not be readable then.
  bool has_heard() const { return !heard_.empty(); }
  /// Lets a run in with so many ranks. Their numbers follow one another: returns the first one; nothing if
  /// the run is gone.
  std::optional<int> admit(int run, int ranks);
  /// Never waits. What is sent to a peer that is gone is dropped.
  void send(int peer, std::string message);
  /// Ends the connection of a run: it is gone.
  void close(int run);
  /// Waits until all that was sent has left this process, or `deadline` has passed.
  void flush(Time deadline);

 private:
  struct Run {
    Connection connection;
    int ranks_at = 0;  // the number of its rank 0; 0: it is not admitted
    int ranks = 0;
    Time came = base::Clock::now();
    bool has_spoken = false;
  };
  struct Remote {
    int listener;
    Key key;
    std::chrono::milliseconds lost_after;
    std::chrono::milliseconds patience;
  };
  void look();
  void accept(int listener);
  int accept_one(int listener);
  void add(Connection connection);
  void hear(int number);
  void note_proven(int number);
  void drop_strangers();
  void hear(int number, const Connection::Said& said);
  void lose(int number);
  void watch(int number, const Run& run, int how) const;

  void watch_listener(int number, int how, bool wanted) const;
  int listener(int number) const;

  UnsharedDescriptor listener_;
  UnsharedDescriptor epoll_;
  std::optional<Remote> remote_;
  std::set<int> strangers_;     // runs that have not proved yet to have the key; the oldest first
  std::map<int, Run> runs_;     // by the number of the run
  std::map<int, int> ranks_;    // the run of which a rank is; by the number of the run's rank 0
  std::deque<Envelope> heard_;  // and not returned yet
  int next_ = first;            // the next number
};

}  // namespace tasker::talk
