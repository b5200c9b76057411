#include "runtime/compute_here.hpp"

#include "base/console.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/shared.hpp"
#include "cluster/cpus.hpp"
#include "cluster/report.hpp"
#include "execute/desk.hpp"
#include "execute/journal_sink.hpp"
#include "execute/run_chunk.hpp"
#include "execute/slots/slots.hpp"
#include "runtime/abandon.hpp"
#include "runtime/alarm.hpp"
#include "runtime/attempt.hpp"
#include "runtime/progress.hpp"
#include "runtime/settings.hpp"
#include "store/state.hpp"

#include <tasker/error.hpp>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

execute::Limits limits_of(const Options& options) {
  return {options.retries, options.timeout, options.memory_limit};
}

class Here {
 public:
  Here(const detail::MapCall& call, const Workspace& workspace, schedule::Scheduler& scheduler,
       Outcome& outcome, Timekeeper& time)
      : workspace_(workspace),
        scheduler_(scheduler),
        outcome_(outcome),
        time_(time),
        work_{call,
              call.count,
              workspace.fingerprinter(),
              call.options.keep_arguments,
              limits_of(call.options),
              call.options.capture,
              *horizon_},
        sink_(workspace.journal(0, base::this_process().host, base::build_id()), workspace.fence_path(),
              call.options.durability == Durability::power) {
    work_.load_state = [this](const store::StateName& name) {
      return store::read_state(workspace_.directory(), name);
    };
    horizon_->stop_on(time.signal());
    horizon_->set_time_left(time_.left(Clock::now()));
  }

  void compute_in_this_thread(const std::function<void()>& attend) {
    execute::Recorder recorder(sink_, work_.fingerprint, work_.keep_arguments);
    scheduler_.join(0);
    Alarm alarm([this] { return look_beside_fn(); });
    auto lock = alarm.lock();
    while (const auto action = scheduler_.next(Clock::now())) {
      // A single executor is never asked to give anything back.
      const auto chunk = make_chunk(std::get<schedule::Assign>(*action));
      under_way_ = chunk;
      alarm.set(time_.wake(Clock::now()));
      lock.unlock();
      const execute::ChunkReport report = execute::run_chunk(*chunk, work_, recorder);
      lock.lock();
      alarm.set(Time::max());
      finish(*chunk, report);
      look_at_time();
      attend();
    }
    sink_.close();
  }

  void compute_in_slots(std::uint32_t count, const std::function<void()>& attend) {
    if (cluster::available_cpus() < count) cluster::use_all_cpus_if_alone();
    outcome_.least_cpus = cluster::available_cpus();
    execute::slots::Slots slots(work_, count);
    scheduler_.join(0, count);
    execute::Desk desk;
    for (;;) {
      while (const auto action = scheduler_.next(Clock::now())) {
        if (const auto* assign = std::get_if<schedule::Assign>(&*action))
          desk.push(make_chunk(*assign));
        else if (const auto chunk = desk.find(std::get<schedule::TakeBack>(*action).chunk))
          scheduler_.returned(0, chunk->id(), chunk->take_back());
      }
      while (!slots.all_busy()) {
        const auto chunk = desk.poll_chunk();
        if (!chunk) break;
        slots.start(chunk);
      }
      if (scheduler_.finished()) break;
      const auto watched = slots.watched();
      const Time now = Clock::now();
      const Clock::duration to_wake = std::max(time_.wake(now) - now, Clock::duration(0));
      const auto pause = std::min(slots.longest_pause().value_or(to_wake), to_wake);
      if (::poll(watched.data(), watched.size(), static_cast<int>(pause / 1ms)) < 0 && errno != EINTR)
        base::throw_errno("wait for", "processes that execute tasks");
      slots.look();
      for (auto& [chunk, report] : slots.hear(sink_)) {
        desk.forget(chunk);
        finish(*chunk, report);
      }
      if (look_at_time()) {
        for (const auto& chunk : desk.chunks()) {
          chunk->revoke();
          scheduler_.returned(0, chunk->id(), chunk->kept());
        }
      }
      if (time_.is_over()) {
        give_up(sink_, count, [&](std::uint64_t index) { return make_argument(work_.call, index); });
        break;
      }
      attend();
    }
    sink_.close();
  }

 private:
  /// Returns whether all must stop, as it turns out now.
  bool look_at_time() {
    const bool were_stopped = time_.stopped();
    if (!time_.look(Clock::now())) return false;
    scheduler_.set_time(time_.frame());
    horizon_->set_time_left(time_.left(Clock::now()));
    if (!time_.stopped()) return false;
    scheduler_.drain();
    horizon_->stop();
    return !were_stopped;
  }

  void give_up(execute::JournalSink& sink, std::uint32_t slots,
               const std::function<std::string(std::uint64_t index)>& argument_of) {
    const auto recorded = [this](const base::IntervalSet& tasks) { return workspace_.recorded(0, tasks); };
    for (const Unfinished& chunk : abandon(scheduler_, outcome_, 0, slots, false, Clock::now(), recorded)) {
      const std::uint64_t index = chunk.tasks.front().first;
      record_attempt(interruption(index, workspace_.attempt_of(index), chunk.lasted), argument_of(index),
                     workspace_, work_.call, sink);
    }
  }

  /// In another thread, while that which computes is in `fn`.
  Time look_beside_fn() {
    look_at_time();
    if (time_.is_over()) end_without_fn();
    return time_.wake(Clock::now());
  }

  [[noreturn]] void end_without_fn() {
    // That thread may be writing to its own journal.
    try {
      execute::JournalSink sink(workspace_.journal(1, base::this_process().host, base::build_id()),
                                workspace_.fence_path(), false);
      // Nor is this the thread on which arguments may be made.
      give_up(sink, 1, [&](std::uint64_t index) { return std::string(argument_in(*under_way_, index)); });
    } catch (const std::exception& error) {
      base::say(std::string("tasker: ") + error.what() + "\n");
    }
    base::say(
        fmt::format("tasker: {} was stopped in the middle of a task, {}: {}; run the same command again\n",
                    work_.call.path.string(), time_.reason(Clock::now()),
                    left_text(scheduler_.pending(), work_.call.count, scheduler_.pending_work(), 1)));
    cluster::report_exit(exit_interrupted);
    ::_exit(exit_interrupted);
  }

  std::shared_ptr<execute::Chunk> make_chunk(const schedule::Assign& assign) {
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
    if (report.stopped) scheduler_.returned(0, chunk.id(), report.tasks);
    if (report.tasks == 0) return;  // all of it was taken back
    sink_.sync();
    scheduler_.done(0, chunk.id(), report.busy);
    outcome_.add(report.tasks, report.failed, report.failures.groups(), report.busy);
  }

  const Workspace& workspace_;
  schedule::Scheduler& scheduler_;
  Outcome& outcome_;
  Timekeeper& time_;
  base::Shared<execute::Horizon> horizon_;
  execute::Work work_;
  execute::JournalSink sink_;
  std::shared_ptr<const execute::Chunk> under_way_;  // in this thread
};

}  // namespace

void compute_here(const detail::MapCall& call, const Workspace& workspace, schedule::Scheduler& scheduler,
                  Outcome& outcome, Timekeeper& time, const std::function<void()>& attend) {
  Here here(call, workspace, scheduler, outcome, time);
  if (const std::uint32_t slots = slots_of(call.options); slots > 0)
    here.compute_in_slots(slots, attend);
  else
    here.compute_in_this_thread(attend);
}

}  // namespace tasker::runtime
