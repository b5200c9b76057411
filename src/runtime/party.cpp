#include "runtime/party.hpp"

#include "base/console.hpp"
#include "base/process.hpp"
#include "base/umask.hpp"
#include "cluster/report.hpp"
#include "execute/run_chunk.hpp"
#include "runtime/gather.hpp"
#include "runtime/map.hpp"

#include <tasker/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// How long a rank that leaves with an error waits for the others, which may be in a long task.
constexpr Clock::duration patience_with_error = 5s;
/// How much longer a rank other than 0 waits: rank 0 ends the job first, so that the error is told once.
constexpr Clock::duration patience_with_root = 1s;
/// How long a rank that leaves with an error waits for its last message to be sent.
constexpr Clock::duration flush_time = 5s;

/// The process in which a map is under way; 0: none. A forked copy has another id.
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

/// A map is under way as long as this lives. Meanwhile exit and quick_exit do not end the process as if all
/// was well: they record the tasks that have ended, say what happened, and make the exit code exit_failed.
class MapUnderWay {
 public:
  MapUnderWay(std::atomic<bool>& flag, std::atomic<int>& workers) : flag_(flag), workers_(workers) {
    // Registered after the first Tasker and MPI, so it is called before their ends.
    [[maybe_unused]] static const bool registered =
        std::atexit(end_in_map) == 0 && std::at_quick_exit(end_in_map) == 0;
    maps_in = base::process_id();
  }
  ~MapUnderWay() {
    maps_in = 0;
    workers_ = 0;
    flag_ = false;
  }
  MapUnderWay(const MapUnderWay&) = delete;
  MapUnderWay& operator=(const MapUnderWay&) = delete;

 private:
  std::atomic<bool>& flag_;
  std::atomic<int>& workers_;
};

}  // namespace

std::shared_ptr<const detail::ResultSource> Party::map(const detail::MapCall& call) {
  if (!is_here())
    throw UsageError("map was called in a process that was forked since its Tasker was made (" +
                     call.path.string() + "); call it in the one that made it");
  if (mapping_.exchange(true))
    throw UsageError("map was called inside fn, or by a second thread, while another map is under way (" +
                     call.path.string() + "); call one after the other, outside fn");
  const MapUnderWay under_way(mapping_, workers_);
  const base::Umask umask;
  ++maps_;
  shared_ = nullptr;
  prepare();
  try {
    return map_here(call);
  } catch (const RankLeft& left) {
    gone_ = left.rank();
    shared_ = std::current_exception();
    throw;
  } catch (const Interrupted&) {
    // What stopped the run may be a signal that goes to all ranks, one after the other.
    drain_->expect_late();
    shared_ = std::current_exception();
    throw;
  } catch (...) {
    shared_ = std::current_exception();
    throw;
  }
}

/// An error here concerns this rank alone, so it is not among those that all ranks share.
void Party::prepare() {
  try {
    if (!thread_) thread_.emplace("talk");
    desk_.emplace();
  } catch (...) {
    talk::rethrow_as_error();
  }
}

std::shared_ptr<const detail::ResultSource> Party::map_here(const detail::MapCall& call) {
  if (gone_) {
    const auto error = std::make_exception_ptr(Error("rank " + std::to_string(*gone_) + " has left"));
    peers_.send_to_others(talk::pack(talk::End{talk::describe(error)}));
    std::rethrow_exception(error);
  }
  if (rank() != 0) return map_on_worker(*comm_, *thread_, *desk_, call, maps_);
  Root root{peers_,  *thread_,     desk_,    authors_, allocation_,
            *drain_, end_process_, process_, workers_, leads_};
  leads_ = false;
  return map_on_root(root, call, maps_);
}

int Party::worker_count() const {
  const int now = workers_;
  return now > 0 ? now : std::max(size() - 1, 1);
}

void Party::leave(talk::Leave& mine, bool& left_alone) {
  left_ = true;
  if (!comm_) return;
  Time deadline = mine.exit_code == 0 ? Time::max() : Clock::now() + patience_with_error;
  if (mine.exit_code != 0 && rank() != 0) deadline += patience_with_root;
  if (rank() == 0)
    leave_as_root(mine, deadline, left_alone);
  else
    leave_as_worker(mine, deadline, left_alone);
  // If all is well, the last message has all the time it needs.
  const Time end = mine.exit_code == 0 ? Time::max() : Clock::now() + flush_time;
  if (!left_alone && !comm_->flush(end)) left_alone = true;
}

void Party::leave_as_root(talk::Leave& mine, Time deadline, bool& left_alone) {
  std::set<int> missing = peers_.others();
  if (gone_) missing.erase(*gone_);
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
      return;
    }
    const auto kind = talk::kind_of(envelope->bytes);
    if (envelope->lost) {
      hear_of_loss(envelope->source);
      missing.erase(envelope->source);
    } else if (kind == talk::kind<talk::Leave>) {
      const auto leave = talk::unpack<talk::Leave>(envelope->bytes);
      missing.erase(envelope->source);
      if (leave.exit_code != 0)
        fail(leave.exit_code,
             leave.message.empty() ? "" : "rank " + std::to_string(envelope->source) + ": " + leave.message);
    } else if (kind == talk::kind<talk::Enter>) {
      const auto enter = talk::unpack<talk::Enter>(envelope->bytes);
      fail(exit_usage, "rank " + std::to_string(envelope->source) + " called map on " + enter.path +
                           ", which rank 0 did not; all ranks must call the same maps");
      const std::string message = "rank 0 has left" + (mine.message.empty() ? "" : ": " + mine.message);
      peers_.send(envelope->source, talk::pack(talk::End{{"error", mine.exit_code, message}}));
    }
    // Any other message is late, and means nothing any more.
  }
  // Before the others may end: a launcher that sees one of them end with an error kills this rank.
  if (!mine.message.empty()) base::say("tasker: " + std::exchange(mine.message, {}) + "\n");
  mine.lost_ranks = peers_.any_lost();
  peers_.send_to_others(talk::pack(talk::Leave{mine.exit_code, {}, mine.lost_ranks}));
}

void Party::leave_as_worker(talk::Leave& mine, Time deadline, bool& left_alone) {
  comm_->send(0, talk::pack(mine));
  for (;;) {
    const auto envelope = comm_->wait(deadline);
    if (!envelope) {
      if (Clock::now() < deadline) continue;
      left_alone = true;
      return;
    }
    if (talk::kind_of(envelope->bytes) != talk::kind<talk::Leave>)
      continue;  // a late message: the end of a map that this rank has left
    const auto leave = talk::unpack<talk::Leave>(envelope->bytes);
    mine = {leave.exit_code != 0 ? leave.exit_code : mine.exit_code, {}, leave.lost_ranks};
    return;
  }
}

}  // namespace tasker::runtime
