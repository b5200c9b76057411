#include "run/compute_here.hpp"

#include "base/file.hpp"
#include "base/process.hpp"
#include "execute/run_chunk.hpp"
#include "execute/slots.hpp"
#include "run/desk.hpp"
#include "run/journal_sink.hpp"
#include "run/settings.hpp"

#include <tasker/error.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

execute::Limits limits_of(const Options& options) {
  return {options.retries, options.timeout, options.memory_limit};
}

/// Progress is due now and then.
constexpr Clock::duration longest_sleep = 2s;

class Here {
 public:
  Here(const detail::MapCall& call, const Workspace& workspace, Scheduler& scheduler, Outcome& outcome)
      : workspace_(workspace),
        scheduler_(scheduler),
        outcome_(outcome),
        work_{call,
              call.count,
              workspace.fingerprinter(),
              call.options.keep_arguments,
              limits_of(call.options),
              call.options.capture},
        sink_(workspace.journal(0, base::this_process().host, base::build_id()),
              call.options.durability == Durability::power) {}

  void compute_in_this_thread(const std::function<void()>& attend) {
    execute::Recorder recorder(sink_, work_.fingerprint, work_.keep_arguments);
    scheduler_.join(0);
    while (const auto action = scheduler_.next(Clock::now())) {
      // A single executor is never asked to give anything back.
      const auto chunk = make_chunk(std::get<Assign>(*action));
      finish(*chunk, execute::run_chunk(*chunk, work_, recorder));
      attend();
    }
    sink_.close();
  }

  void compute_in_slots(std::uint32_t count, const std::function<void()>& attend) {
    execute::Slots slots(work_, count);
    scheduler_.join(0, count);
    Desk desk;
    while (!scheduler_.finished()) {
      while (const auto action = scheduler_.next(Clock::now())) {
        if (const auto* assign = std::get_if<Assign>(&*action))
          desk.push(make_chunk(*assign));
        else if (const auto chunk = desk.find(std::get<TakeBack>(*action).chunk))
          scheduler_.returned(0, chunk->id(), chunk->take_back());
      }
      while (!slots.all_busy()) {
        const auto chunk = desk.poll_chunk();
        if (!chunk) break;
        slots.start(chunk);
      }
      if (scheduler_.finished()) break;
      const auto watched = slots.watched();
      const auto pause =
          std::min<Clock::duration>(slots.longest_pause().value_or(longest_sleep), longest_sleep);
      if (::poll(watched.data(), watched.size(), static_cast<int>(pause / 1ms)) < 0 && errno != EINTR)
        base::throw_errno("wait for", "processes that execute tasks");
      slots.look();
      for (auto& [chunk, report] : slots.hear(sink_)) {
        desk.forget(chunk);
        finish(*chunk, report);
      }
      attend();
    }
    sink_.close();
  }

 private:
  std::shared_ptr<execute::Chunk> make_chunk(const Assign& assign) {
    base::Ranges tasks = assign.tasks;
    std::string arguments;
    const std::uint64_t fitting = encode_tasks(work_.call, tasks, arguments);
    if (fitting < base::count(tasks)) {
      base::split_after(tasks, fitting);
      scheduler_.returned(0, assign.chunk, fitting);
    }
    auto attempts = later_attempts(tasks, [&](std::uint64_t index) { return workspace_.attempt_of(index); });
    return std::make_shared<execute::Chunk>(assign.chunk, std::move(tasks), std::move(attempts),
                                            std::move(arguments));
  }

  void finish(const execute::Chunk& chunk, const execute::ChunkReport& report) {
    if (report.tasks == 0) return;  // all of it was taken back
    sink_.sync();
    scheduler_.done(0, chunk.id(), report.busy);
    outcome_.add(report.tasks, report.failed, report.failures.groups(), report.busy);
  }

  const Workspace& workspace_;
  Scheduler& scheduler_;
  Outcome& outcome_;
  execute::Work work_;
  JournalSink sink_;
};

}  // namespace

void compute_here(const detail::MapCall& call, const Workspace& workspace, Scheduler& scheduler,
                  Outcome& outcome, const std::function<void()>& attend) {
  Here here(call, workspace, scheduler, outcome);
  if (const std::uint32_t slots = slots_of(call.options); slots > 0)
    here.compute_in_slots(slots, attend);
  else
    here.compute_in_this_thread(attend);
}

}  // namespace tasker::runtime
