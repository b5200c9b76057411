#pragma once

#include "execute/run_chunk.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tasker::execute {

/// Where the two threads of a worker meet: chunks go to the thread that executes, messages for rank 0 come
/// back to the thread that talks. They meet per chunk, not per task.
class Desk {
 public:
  Desk();
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  // The thread that talks:

  /// Readable when there are messages to take.
  int fd() const { return event_; }
  void push(std::shared_ptr<Chunk> chunk);
  /// The chunk of this id, unless it has ended.
  std::shared_ptr<Chunk> find(std::uint64_t id);
  /// All chunks that have not ended.
  std::vector<std::shared_ptr<Chunk>> chunks();
  std::vector<std::string> take_messages();
  /// No more chunks come. With `revoke`, those at hand are given up, too, and nothing waits for credit any
  /// more.
  void close(bool revoke);
  /// Rank 0 has written frames of this size.
  void credit(std::uint64_t bytes);

  // The thread that executes:

  /// The next chunk, asleep until there is one; nothing once the desk is closed and empty.
  std::shared_ptr<Chunk> take_chunk();
  /// The next chunk if there is one.
  std::shared_ptr<Chunk> poll_chunk();
  /// Closed, and all chunks have ended.
  bool is_done();
  /// The chunk has ended, and what is recorded of it is where it should be. Rank 0 is told, unless it knows:
  /// all of it was taken back.
  void finish(const std::shared_ptr<Chunk>& chunk, const ChunkReport& report);
  /// The same for a chunk of which nobody needs to be told.
  void forget(const std::shared_ptr<Chunk>& chunk);
  void post(std::string message);
  /// The same for frames that rank 0 shall write.
  void post_frame(std::string message);
  /// Whether few enough bytes of frames are under way to post more.
  bool has_credit();
  /// Waits, asleep, for that.
  void wait_for_credit();

 private:
  std::shared_ptr<Chunk> take_locked();
  void forget_locked(const std::shared_ptr<Chunk>& chunk);
  void post_locked(std::string message);
  int event_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Chunk>> chunks_;  // those taken first
  std::size_t taken_ = 0;                      // how many of them were taken
  std::vector<std::string> messages_;
  std::uint64_t uncredited_ = 0;
  bool closed_ = false;
  bool revoked_ = false;
};

}  // namespace tasker::execute
