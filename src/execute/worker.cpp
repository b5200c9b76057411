#include "execute/worker.hpp"

#include "base/process.hpp"
#include "cluster/cpus.hpp"
#include "execute/run_chunk.hpp"
#include "execute/sees_directory.hpp"
#include "execute/sinks.hpp"
#include "execute/slots/slots.hpp"
#include "store/state.hpp"

namespace tasker::execute {

namespace {

/// One worker during one map.
class Worker {
 public:
  Worker(Desk& desk, const detail::MapCall& call, const talk::Start& start, const Errand& errand)
      : desk_(desk),
        start_(start),
        errand_(errand),
        slots_(slots_of(start.options)),
        sees_directory_(sees_directory(start.directory, start.leader)),
        call_(with_options(call, start)),
        fingerprint_(call_),
        work_{call_, start.tasks, fingerprint_, desk.horizon()},
        journal_(start, call_, fingerprint_, [&desk] { return desk.start()->leader; }),
        mail_(desk_, journal_name(start).id, slots_ == 0) {
    if (sees_directory_)
      work_.load_state = [this](const store::StateName& name) {
        return store::read_state(start_.directory, name);
      };
  }

  void work() {
    if (slots_ == 0)
      work_in_this_process();
    else
      work_in_slots();
    journal_.close();
    desk_.post(talk::pack(talk::Closed{}));
  }

 private:
  static detail::MapCall with_options(detail::MapCall call, const talk::Start& start) {
    call.options = start.options;
    return call;
  }

  FrameSink& sink() { return sees_directory_ ? static_cast<FrameSink&>(journal_) : mail_; }

  void say_ready() {
    talk::Ready ready;
    ready.sequence = start_.sequence;
    ready.sees_directory = sees_directory_;
    ready.host = base::this_process().host;
    ready.build = base::build_id();
    ready.cpus = cluster::available_cpus();
    ready.slots = std::max(slots_, 1U);
    desk_.post_ready(ready);
  }

  void finish(const std::shared_ptr<Chunk>& chunk, const ChunkReport& report) {
    if (report.tasks > 0 || !report.left.failed.empty()) sink().sync();
    desk_.finish(chunk, report);
  }

  void work_in_this_process() {
    say_ready();
    Recorder recorder(sink(), fingerprint_, start_.options.keep_arguments);
    while (!desk_.is_done()) {
      if (const auto chunk = desk_.take_chunk())
        finish(chunk, run_chunk(*chunk, work_, recorder));
      else if (!errand_())
        desk_.wait();
    }
  }

  void work_in_slots() {
    if (cluster::available_cpus() < slots_) cluster::use_all_cpus_if_alone();
    slots::Slots slots(work_, slots_);
    say_ready();
    while (!desk_.is_done()) {
      while (!slots.all_busy()) {
        const auto chunk = desk_.take_chunk();
        if (!chunk) break;
        slots.start(chunk);
      }
      const bool hears = desk_.has_credit();
      const auto pause = errand_() ? std::chrono::nanoseconds(0) : slots.longest_pause();
      desk_.wait(pause ? base::Clock::now() + *pause : Time::max(),
                 hears ? slots.watched() : std::span<pollfd>());
      slots.look();
      if (!hears) continue;
      for (auto& [chunk, report] : slots.hear(sink())) finish(chunk, report);
    }
  }

  Desk& desk_;
  const talk::Start& start_;
  const Errand& errand_;
  std::uint32_t slots_;
  bool sees_directory_;
  detail::MapCall call_;  // with rank 0's options
  store::Fingerprinter fingerprint_;
  Work work_;
  JournalSink journal_;
  MailSink mail_;
};

}  // namespace

void take_part(Desk& desk, const detail::MapCall& call, const Errand& errand) {
  try {
    while (!desk.start() && !desk.is_done())
      if (!errand()) desk.wait();
    if (const auto start = desk.start()) Worker(desk, call, *start, errand).work();
  } catch (...) {
    desk.post(talk::pack(talk::Trouble{talk::describe(std::current_exception())}));
  }
  desk.leave();
}

}  // namespace tasker::execute
