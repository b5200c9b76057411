#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/shared.hpp"
#include "execute/horizon.hpp"
#include "execute/run_chunk.hpp"
#include "talk/messages.hpp"

#include <poll.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tasker::execute {

using base::Time;

/// Where the two threads of a rank meet during a map: chunks go to the main thread, which executes them, and
/// messages for rank 0 come back to the thread that talks. They meet per chunk, not per task.
class Desk {
 public:
  // The thread that talks:

  /// Readable when there are messages to take.
  int fd() const { return said_.fd(); }
  std::vector<std::string> take_messages();
  /// The map begins on this rank.
  void start(talk::Start start);
  void push(std::shared_ptr<Chunk> chunk);
  /// The chunk of this id, unless it has ended.
  std::shared_ptr<Chunk> find(std::uint64_t chunk);
  /// Takes back half of what is not started of this chunk, and says what is kept; nothing if it has ended.
  void take_back(std::uint64_t chunk);
  /// Takes back all that is not started, and says so; what is started is asked to end.
  void stop();
  /// No more chunks come. With `revoke`, those at hand are given up, too, and nothing waits for credit any
  /// more.
  void close(bool revoke);
  /// Rank 0 has written frames of this size.
  void credit(std::uint64_t bytes);
  /// Whether the main thread has left by then, after `close`; it may be in `fn` for long.
  bool wait_until_left(Time deadline);

  // Both:

  /// Until when tasks must have ended.
  Horizon& horizon() { return *horizon_; }

  // The main thread:

  /// Sleeps until something has changed that it can ask for below, one of `watched` is ready, or `deadline`
  /// has passed. May wake for nothing.
  void wait(Time deadline = Time::max(), std::span<pollfd> watched = {});
  /// How the map begins; nothing before it has, and where it ends without having begun.
  std::optional<talk::Start> start();
  /// The next chunk if there is one.
  std::shared_ptr<Chunk> take_chunk();
  /// No more chunks come, and those that were at hand have ended or are given up.
  bool is_done();
  /// The chunk has ended, and what is recorded of it is where it should be. Rank 0 is told, unless it knows:
  /// all of it was taken back.
  void finish(const std::shared_ptr<Chunk>& chunk, const ChunkReport& report);
  void post(std::string message);
  /// The same for frames that rank 0 shall write.
  void post_frame(std::string message);
  /// Whether few enough bytes of frames are under way to post more.
  bool has_credit();
  /// It has nothing more to do with this map.
  void leave();

 private:
  std::shared_ptr<Chunk> find_locked(std::uint64_t chunk) const;
  void post_locked(std::string message);
  base::Shared<Horizon> horizon_;
  base::Event said_;   // there are messages
  base::Event found_;  // something for the main thread
  std::mutex mutex_;
  std::optional<talk::Start> start_;
  std::deque<std::shared_ptr<Chunk>> chunks_;  // those taken first
  std::size_t taken_ = 0;                      // how many of them were taken
  std::vector<std::string> messages_;
  std::uint64_t uncredited_ = 0;
  bool closed_ = false;
  bool revoked_ = false;
  bool left_ = false;
  std::condition_variable has_left_;
};

}  // namespace tasker::execute
