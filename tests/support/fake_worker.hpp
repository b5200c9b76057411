#pragma once

#include "base/intervals.hpp"
#include "execute/desk.hpp"
#include "execute/run_chunk.hpp"
#include "execute/talker.hpp"
#include "support/fake_comm.hpp"

#include <tasker/detail/bytes.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tasker::test {

/// What became of each task, written down apart from what ranks say about it.
struct Ledger {
  std::vector<std::string> arguments;
  std::vector<int> started;   // how often
  std::vector<int> recorded;  // how often
  std::function<bool(std::uint64_t index)> fails;
  Options options;  // Options::retries counts

  /// What rank 0 finds of `tasks` that a rank had and did not report: it is as if the others had never begun.
  base::IntervalSet recover(const base::IntervalSet& tasks);
};

/// A worker whose two threads are played step by step, in one: Desk, Talker and Chunk are real, tasks start
/// and end when the test says so. Throws std::logic_error for what must never be.
class FakeWorker {
 public:
  FakeWorker(FakeNetwork& network, int rank, bool sees_directory, Ledger& ledger, std::mt19937& random);

  // The thread that talks:

  /// Whether there is something to say.
  bool may_say() const;
  void say() { hear(); }
  /// Hears the oldest message that is under way to this rank.
  void receive();
  /// The end of the map, once it was heard.
  const std::optional<talk::End>& end() const { return end_; }

  // The thread that executes:

  bool may_execute() const;
  /// The next thing that it does: takes a chunk, starts a task, ends one, or ends the chunk.
  void execute();

  /// The tasks that are here and not started, and those on their way back to rank 0.
  std::vector<base::Ranges> unstarted() const;
  std::deque<base::Ranges>& returning() { return returning_; }
  /// How many take-backs came for a chunk whose report was under way.
  int crossed() const { return crossed_; }
  /// How many chunks have ended early, and how many tasks went back to be tried again.
  int crashes() const { return crashes_; }
  int tried_again() const { return tried_again_; }

 private:
  void hear();
  void take_chunk();
  void end_task();
  void crash();
  void end_chunk();

  FakeNetwork& network_;
  int rank_;
  bool sees_directory_;
  Ledger& ledger_;
  std::mt19937& random_;
  execute::Desk desk_;
  execute::Talker talker_;

  std::deque<std::shared_ptr<execute::Chunk>> held_;  // the first may be being executed
  std::deque<base::Ranges> returning_;                // one for each answer that is under way
  int crossed_ = 0;
  int crashes_ = 0;
  int tried_again_ = 0;
  bool finishing_ = false;
  bool closed_ = false;
  std::optional<talk::End> end_;

  bool executing_ = false;
  std::uint64_t started_ = 0;  // tasks of the chunk that is being executed
  std::optional<std::uint64_t> running_;
  detail::Reader arguments_{{}};
  std::string frame_;
  execute::ChunkReport report_;
};

}  // namespace tasker::test
