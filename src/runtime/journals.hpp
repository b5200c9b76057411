#pragma once

#include "base/clock.hpp"
#include "base/intervals.hpp"
#include "execute/journal_sink.hpp"
#include "runtime/arguments.hpp"
#include "runtime/workspace.hpp"
#include "talk/messages.hpp"

#include <tasker/detail/call.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tasker::runtime {

using base::Clock;

/// An attempt that ended without a result, and without anyone who could record that but rank 0.
struct Attempt {
  std::uint64_t index = 0;
  std::uint32_t number = 1;
  store::Outcome outcome = store::Outcome::none;
  std::string why = {};
  Clock::duration lasted{0};  ///< At least.
};

/// What the master needs to know of the store.
class MasterStore {
 public:
  virtual ~MasterStore() = default;
  /// Number of the next attempt of a task.
  virtual std::uint32_t attempt_of(std::uint64_t index) const = 0;
  /// Writes a frame for a rank that does not see the directory.
  virtual void write(int rank, const talk::Ready& who, std::string_view frame) = 0;
  /// Makes what was written for that rank durable.
  virtual void sync(int rank) = 0;
  /// Which of these tasks a rank has recorded as done. Its journal is read: meant for a rank that is gone.
  virtual base::IntervalSet recorded(int rank, const base::IntervalSet& tasks) const = 0;
  virtual void record(const Attempt& attempt) = 0;
};

/// What rank 0 does in the directory for those that compute: it writes the journals of those that don't see
/// it, and settles in a journal of its own what those leave behind that are gone.
class Journals final : public MasterStore {
 public:
  Journals(const talk::Start& start, const detail::MapCall& call, const Arguments& arguments,
           const Workspace& workspace);

  std::uint32_t attempt_of(std::uint64_t index) const override { return workspace_.attempt_of(index); }
  void write(int rank, const talk::Ready& who, std::string_view frame) override;
  void sync(int rank) override;
  base::IntervalSet recorded(int rank, const base::IntervalSet& tasks) const override;
  void record(const Attempt& attempt) override;
  void close();

 private:
  const talk::Start& start_;
  const detail::MapCall& call_;
  const Arguments& arguments_;
  const Workspace& workspace_;
  execute::JournalSink own_;
  std::map<int, store::JournalWriter> journals_;
};

}  // namespace tasker::runtime
