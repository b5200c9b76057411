#pragma once

#include "runtime/master.hpp"
#include "support/fake_comm.hpp"
#include "support/fake_worker.hpp"

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

namespace tasker::test {

/// What happened in conversations: shows that they came into the corners that tests are made for.
struct Corners {
  int take_backs = 0;   // requests
  int given_whole = 0;  // of them: the whole chunk came back
  int crossed = 0;      // of them: the chunk had ended, and its report crossed the request
  int cut = 0;          // chunks whose arguments did not fit into one message
  int deaths = 0;       // of workers
  int found = 0;        // tasks that a worker had recorded, but not reported, when it died
  int crashes = 0;      // chunks that ended early
  int tried_again = 0;  // tasks that had failed
  int pauses = 0;       // that rank 0 slept through, with nothing else to do
  int stopped = 0;      // conversations that ended before all tasks were done
};

/// A whole map between rank 0 and its workers: real Master and Scheduler, and FakeWorkers. Everything that
/// could happen next happens in a random order; after every step each task must be in exactly one place, and
/// done means recorded. Throws std::logic_error where that does not hold.
class Conversation : runtime::MasterStore {
 public:
  Conversation(unsigned seed, Corners& corners);
  void run();

 private:
  void begin(int, const talk::Start&) override {}
  bool know(int, const talk::Ready&) override { return true; }
  bool any_attempts() const override { return true; }
  std::uint32_t attempt_of(std::uint64_t index) const override {
    return static_cast<std::uint32_t>(1 + index % 3);
  }
  void write(int rank, const talk::Ready& who, std::string_view frame) override;
  void sync(int) override {}
  base::IntervalSet recorded(int rank, const base::IntervalSet& tasks) const override;
  void record(store::Record attempt, runtime::Clock::duration lasted) override;

  enum class Event { at_rank_0, at_worker, says, executes, dies };
  bool step();
  bool may(Event event, int worker) const;
  void happen(Event event, int worker);
  void at_rank_0(int worker);
  void die(int worker);
  void go_on();
  int living() const;
  void send_end();
  void check() const;
  void check_end() const;
  std::vector<int> places() const;
  FakeWorker& worker(int rank) const { return *workers_.at(static_cast<std::size_t>(rank - 1)); }
  int workers() const { return static_cast<int>(workers_.size()); }

  std::mt19937 random_;
  Corners& corners_;
  std::vector<std::size_t> weights_;  // how often an event happens when it may
  bool stop_on_failure_;
  bool mortal_;  // workers may die, as long as one is left
  mutable Ledger ledger_;
  detail::MapCall call_;
  FakeNetwork network_;
  schedule::Scheduler scheduler_;
  talk::Tally tally_;
  talk::Peers peers_;
  runtime::Arguments arguments_;
  runtime::Master master_;
  std::vector<std::unique_ptr<FakeWorker>> workers_;
  base::Time now_;
  bool finished_ = false;
  bool ended_ = false;
};

}  // namespace tasker::test
