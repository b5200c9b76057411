#include "runtime/party.hpp"

#include "base/console.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/umask.hpp"
#include "cluster/report.hpp"
#include "execute/run_chunk.hpp"
#include "runtime/gather.hpp"
#include "runtime/map.hpp"
#include "talk/messages.hpp"

#include <tasker/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// How long a rank that leaves with an error waits for the others, which may be in the middle of a long task.
constexpr Clock::duration patience_with_error = 5s;
/// Rank 0 has heard of it by then, if it listens, and ends the job itself: the error is told once.
constexpr Clock::duration patience_with_root = 1s;
/// And until what it said last has left it.
constexpr Clock::duration flush_time = 5s;

/// The process in which a map is under way; 0: none. A copy that was forked meanwhile is another one.
std::atomic<pid_t> maps_in = 0;

void end_in_map() {
  if (maps_in != base::process_id()) return;
  std::optional<std::uint64_t> task;
  try {
    task = execute::keep_what_has_ended();
  } catch (const std::exception& error) {
    base::say(std::string("tasker: ") + error.what() + "\n");
  }
  base::say("tasker: " + (task ? "task " + std::to_string(*task) : "the program") +
            " ended the process, by exit, while a map was under way; what was recorded is kept. Return or "
            "throw instead; where tasks are isolated (TASKER_ISOLATION=process) it costs only the task\n");
  cluster::report_exit(exit_failed);
  ::_exit(exit_failed);
}

/// A map, from its begin to its end: as long as this lives, exit and quick_exit don't end the process as if
/// nothing was missing. That is said, what tasks have ended is recorded, and the exit code is exit_failed.
class MapUnderWay {
 public:
  MapUnderWay() {
    // Behind the first Tasker and MPI, so it is called before what ends them.
    [[maybe_unused]] static const bool registered =
        std::atexit(end_in_map) == 0 && std::at_quick_exit(end_in_map) == 0;
    maps_in = base::process_id();
  }
  ~MapUnderWay() { maps_in = 0; }
  MapUnderWay(const MapUnderWay&) = delete;
  MapUnderWay& operator=(const MapUnderWay&) = delete;
};

}  // namespace

std::shared_ptr<const detail::ResultSource> Party::map(const detail::MapCall& call) {
  if (!is_here())
    throw UsageError("map was called in a process that was forked since its Tasker was made (" +
                     call.path.string() + "); call it in the one that made it");
  if (mapping_.exchange(true))
    throw UsageError("map was called inside fn, or by a second thread, while another map is under way (" +
                     call.path.string() + "); call one after the other, outside fn");
  const struct Mapping {
    std::atomic<bool>& under_way;
    ~Mapping() { under_way = false; }
  } mapping{mapping_};
  const MapUnderWay under_way;
  const base::Umask umask;
  ++maps_;
  shared_ = nullptr;
  prepare();
  try {
    return map_here(call);
  } catch (const RankLeft& left) {
    gone_.insert(left.rank());
    shared_ = std::current_exception();
    throw;
  } catch (...) {
    shared_ = std::current_exception();
    throw;
  }
}

/// What it can't do without: where the system refuses that, only this rank knows.
void Party::prepare() {
  try {
    if (!thread_) thread_.emplace("talk");
    desk_.emplace();
  } catch (...) {
    talk::rethrow_as_error();
  }
}

std::shared_ptr<const detail::ResultSource> Party::map_here(const detail::MapCall& call) {
  if (!gone_.empty()) refuse_map(*gone_.begin());
  if (rank() != 0) return map_on_worker(*comm_, *thread_, *desk_, call, maps_);
  Root root{peers_, *thread_, *desk_, authors_, allocation_, *drain_, end_process_};
  return map_on_root(root, call, maps_);
}

/// Where one is missing for good, the others wait in vain.
void Party::refuse_map(int gone) {
  const auto error = std::make_exception_ptr(Error("rank " + std::to_string(gone) + " has left"));
  peers_.send_to_others(talk::pack(talk::End{talk::describe(error)}));
  std::rethrow_exception(error);
}

Party::Farewell Party::leave(Farewell mine, bool& left_alone) {
  left_ = true;
  if (!comm_) return mine;
  Time deadline = mine.exit_code == 0 ? Time::max() : Clock::now() + patience_with_error;
  if (mine.exit_code != 0 && rank() != 0) deadline += patience_with_root;
  mine = rank() == 0 ? leave_as_root(std::move(mine), deadline, left_alone)
                     : leave_as_worker(std::move(mine), deadline, left_alone);
  // Where all is well what was said last has the time that it needs, as the others had.
  const Time end = mine.exit_code == 0 ? Time::max() : Clock::now() + flush_time;
  if (!left_alone && !comm_->flush(end)) left_alone = true;
  return mine;
}

Party::Farewell Party::leave_as_root(Farewell mine, Time deadline, bool& left_alone) {
  std::set<int> missing = peers_.others();
  for (const int rank : gone_) missing.erase(rank);
  const auto end_maps = [&](int rank) {
    const int exit_code = mine.exit_code != 0 ? mine.exit_code : int{exit_usage};
    const std::string message = "rank 0 has left" + (mine.message.empty() ? "" : ": " + mine.message);
    peers_.send(rank, talk::pack(talk::End{{"error", exit_code, message}}));
  };
  const auto fail = [&](std::int32_t exit_code, const std::string& message) {
    if (mine.exit_code != 0) return;
    mine = {exit_code, message};
    deadline = std::min(deadline, Clock::now() + patience_with_error);
  };
  while (!missing.empty()) {
    const auto envelope = peers_.wait(deadline);
    if (!envelope) {
      if (Clock::now() < deadline) continue;
      left_alone = true;
      return mine;
    }
    const auto kind = talk::kind_of(envelope->bytes);
    if (envelope->lost) {
      hear_of_loss(envelope->source);
      missing.erase(envelope->source);
    } else if (kind == talk::Kind::leave) {
      const auto leave = talk::unpack<talk::Leave>(envelope->bytes);
      missing.erase(envelope->source);
      if (leave.exit_code != 0)
        fail(leave.exit_code,
             leave.message.empty() ? "" : "rank " + std::to_string(envelope->source) + ": " + leave.message);
    } else if (kind == talk::Kind::enter) {
      const auto enter = talk::unpack<talk::Enter>(envelope->bytes);
      fail(exit_usage, "rank " + std::to_string(envelope->source) + " called map on " + enter.path +
                           ", which rank 0 did not; all ranks must call the same maps");
      end_maps(envelope->source);
    }
    // Anything else is late and means nothing any more.
  }
  mine.lost_ranks = peers_.any_lost();
  peers_.send_to_others(talk::pack(talk::Leave{mine.exit_code, {}, mine.lost_ranks}));
  return mine;
}

Party::Farewell Party::leave_as_worker(Farewell mine, Time deadline, bool& left_alone) {
  comm_->send(0, talk::pack(talk::Leave{mine.exit_code, mine.message, false}));
  for (;;) {
    const auto envelope = comm_->wait(deadline);
    if (!envelope) {
      if (Clock::now() < deadline) continue;
      left_alone = true;
      return mine;
    }
    if (talk::kind_of(envelope->bytes) != talk::Kind::leave)
      continue;  // late: the end of a map that this rank has left
    const auto leave = talk::unpack<talk::Leave>(envelope->bytes);
    return {leave.exit_code != 0 ? leave.exit_code : mine.exit_code, {}, leave.lost_ranks};
  }
}

}  // namespace tasker::runtime
