#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/mutex.hpp"
#include "base/shared.hpp"
#include "execute/horizon.hpp"
#include "execute/run_chunk.hpp"
#include "talk/messages.hpp"
#include "talk/peers.hpp"

#include <poll.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tasker::execute {

using base::Time;

/// Where the two threads of a rank meet during a map: chunks go to the main thread, which executes them, and
/// messages for rank 0 come back to the thread that talks. They meet per chunk, not per task.
class Desk final : public talk::LocalPeer {
 public:
  // The thread that talks:

  /// Takes in what rank 0 says to a worker during a map, and answers it. Throws DamagedError for a message
  /// that rank 0 does not send to workers.
  void hear(std::string message) override;
  std::vector<std::string> take_messages() override;
  /// Readable while there are messages to take.
  int fd() const override { return said_.fd(); }
  /// No more chunks come, those on the desk are given up, and `has_credit` is always true.
  void close();
  /// Waits, after `close`, until the main thread has left. False if it has not left by `deadline`: it may be
  /// in `fn` for long.
  bool wait_until_left(Time deadline);

  // Both threads:

  Horizon& horizon() { return *horizon_; }

  // The main thread:

  /// Sleeps until an answer of the functions below may have changed, one of `watched` is ready, or `deadline`
  /// has passed. May return early.
  void wait(Time deadline = Time::max(), std::span<pollfd> watched = {});
  /// What rank 0 has said when the map began on this rank, or when another run began to lead it; nothing if
  /// it has not begun.
  std::optional<talk::Start> start();
  /// The next chunk; null if there is none now.
  std::shared_ptr<Chunk> take_chunk();
  /// Whether no more chunks come, and all that came have ended or are given up.
  bool is_done();
  /// Call it when the chunk has ended and the sink has its records. Tells rank 0, unless all of the chunk's
  /// tasks were taken back, which rank 0 knows.
  void finish(const std::shared_ptr<Chunk>& chunk, const ChunkReport& report);
  void post(std::string message);
  /// Posts that this worker is ready for work. The desk says so to later leaders, too.
  void post_ready(const talk::Ready& ready);
  /// Posts a frame that rank 0 shall write.
  void post_frame(std::string message);
  /// Whether so few bytes of frames are on their way to rank 0 that more may be posted.
  bool has_credit();
  /// The main thread has nothing more to do with this map.
  void leave();

 private:
  void post_locked(std::string message) TASKER_REQUIRES(mutex_);
  void post_kept(const Chunk& chunk) TASKER_REQUIRES(mutex_);
  void begin(talk::Start start) TASKER_REQUIRES(mutex_);
  base::Shared<Horizon> horizon_;
  base::Event said_;   // there are messages to take
  base::Event found_;  // wakes the main thread
  base::Mutex mutex_;
  std::optional<talk::Start> start_ TASKER_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<Chunk>> chunks_ TASKER_GUARDED_BY(mutex_);  // that have not ended
  std::size_t taken_ TASKER_GUARDED_BY(mutex_) = 0;  // how many of them were taken: the first ones
  std::vector<std::string> messages_ TASKER_GUARDED_BY(mutex_);
  std::optional<talk::Ready> ready_ TASKER_GUARDED_BY(mutex_);
  std::deque<std::string> frames_ TASKER_GUARDED_BY(mutex_);  // on their way to another run
  std::uint64_t uncredited_ TASKER_GUARDED_BY(mutex_) = 0;    // bytes of frames on their way to rank 0
  bool closed_ TASKER_GUARDED_BY(mutex_) = false;
  bool revoked_ TASKER_GUARDED_BY(mutex_) = false;
  bool left_ TASKER_GUARDED_BY(mutex_) = false;
  std::condition_variable_any has_left_;
};

}  // namespace tasker::execute
