#pragma once

#include "base/clock.hpp"
#include "base/intervals.hpp"
#include "execute/sinks.hpp"
#include "runtime/arguments.hpp"
#include "runtime/workspace.hpp"
#include "talk/messages.hpp"

#include <tasker/detail/call.hpp>

#include <cstdint>
#include <map>
#include <string_view>

namespace tasker::runtime {

using base::Clock;

/// What the master needs of the store.
class MasterStore {
 public:
  virtual ~MasterStore() = default;
  /// The map has begun for a peer, with these words.
  virtual void begin(int peer, const talk::Start& start) = 0;
  /// That peer says so of itself; false if it says so to another leader.
  virtual bool know(int peer, const talk::Ready& who) = 0;
  /// Whether earlier runs tell of attempts at tasks that are missing.
  virtual bool any_attempts() const = 0;
  /// The number of the next attempt at a task, as far as earlier runs tell.
  virtual std::uint32_t attempt_of(std::uint64_t index) const = 0;
  /// Writes a frame for a rank that does not see the directory.
  virtual void write(int rank, const talk::Ready& who, std::string_view frame) = 0;
  /// Makes what was written for that rank durable.
  virtual void sync(int rank) = 0;
  /// Which of these tasks a rank has recorded as done. Reads the rank's journal.
  virtual base::IntervalSet recorded(int rank, const base::IntervalSet& tasks) const = 0;
  /// Records an attempt that only rank 0 can record, since its worker is gone or does not come out of `fn`.
  /// Adds the argument. `lasted`: a lower bound.
  virtual void record(store::Record attempt, Clock::duration lasted) = 0;
};

/// The journals that rank 0 writes: one for each rank that does not see the directory, and one of its own for
/// attempts that nobody else can record.
class Journals final : public MasterStore {
 public:
  /// `start`: as for a rank of this run.
  Journals(const talk::Start& start, const detail::MapCall& call, const Arguments& arguments,
           const Workspace& workspace);

  void begin(int peer, const talk::Start& start) override { starts_[peer] = start; }
  bool know(int peer, const talk::Ready& who) override;
  bool any_attempts() const override { return workspace_.any_attempts(); }
  std::uint32_t attempt_of(std::uint64_t index) const override { return workspace_.attempt_of(index); }
  void write(int rank, const talk::Ready& who, std::string_view frame) override;
  void sync(int rank) override;
  base::IntervalSet recorded(int rank, const base::IntervalSet& tasks) const override;
  void record(store::Record attempt, Clock::duration lasted) override;
  void close();

 private:
  const detail::MapCall& call_;
  const Arguments& arguments_;
  const Workspace& workspace_;
  execute::JournalSink own_;
  std::map<int, talk::Start> starts_;  // by peer
  std::map<int, store::JournalWriter> journals_;
};

}  // namespace tasker::runtime
