#include "execute/worker.hpp"

#include "base/hash.hpp"
#include "base/process.hpp"
#include "base/shared.hpp"
#include "base/threads.hpp"
#include "cluster/cpus.hpp"
#include "execute/journal_sink.hpp"
#include "execute/listener.hpp"
#include "execute/mail_sink.hpp"
#include "execute/run_chunk.hpp"
#include "execute/sees_directory.hpp"
#include "execute/slots/slots.hpp"
#include "store/state.hpp"
#include "talk/map_end.hpp"

#include <tasker/detail/archive.hpp>

#include <thread>

namespace tasker::execute {

namespace {

/// One worker during one map.
class Worker {
 public:
  Worker(talk::Comm& comm, const detail::MapCall& call, const talk::Start& start)
      : comm_(comm),
        start_(start),
        sees_directory_(sees_directory(start.directory, start.run)),
        run_id_(run_id(start)),
        fingerprint_(declared(call, start)),
        work_{call, start.tasks, fingerprint_, start.keep_arguments, limits(start), start.capture, *horizon_},
        own_(journal(), store::fence_path(start.directory, start.run), start.power),
        mail_(desk_, run_id_, start.slots == 0) {}

  talk::End work() {
    if (sees_directory_)
      work_.load_state = [this](const store::StateName& name) {
        return store::read_state(start_.directory, name);
      };
    horizon_->set_time_left(std::chrono::nanoseconds(start_.time_left));
    comm_.set_lost_after(
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(start_.lost_after)));
    return start_.slots == 0 ? work_in_this_process() : work_in_slots();
  }

 private:
  static std::uint64_t run_id(const talk::Start& start) {
    std::uint64_t id = 0;
    base::from_hex(start.run, id);
    return id;
  }

  /// With rank 0's options: they count.
  static detail::MapCall declared(detail::MapCall call, const talk::Start& start) {
    call.options.version = start.version;
    call.options.inputs = {start.inputs_low, start.inputs_high};
    call.options.seed = start.seed;
    return call;
  }

  static Limits limits(const talk::Start& start) {
    return {start.retries, std::chrono::nanoseconds(start.timeout), start.memory_limit};
  }

  store::JournalWriter journal() const {
    const store::JournalName name{start_.sequence, run_id_, comm_.rank()};
    const store::Manifest manifest{start_.tasks,
                                   work_.call.argument_type,
                                   work_.call.result_type,
                                   start_.columns,
                                   base::to_hex(fingerprint_.digest()),
                                   store::boost_version()};
    const store::Origin origin{start_.run,       start_.sequence, comm_.rank(), base::this_process().host,
                               base::build_id(), start_.tasks,    start_.job};
    return {std::filesystem::path(start_.directory) / name.to_string(), run_id_, {manifest, {origin}}};
  }

  FrameSink& sink() { return sees_directory_ ? static_cast<FrameSink&>(own_) : mail_; }

  void say_ready(std::uint32_t slots) {
    talk::Ready ready;
    ready.sees_directory = sees_directory_;
    ready.host = base::this_process().host;
    ready.build = base::build_id();
    ready.cpus = cluster::available_cpus();
    ready.slots = slots;
    comm_.send(0, talk::pack(ready));
  }

  void finish(const std::shared_ptr<Chunk>& chunk, const ChunkReport& report) {
    if (report.tasks > 0) sink().sync();
    desk_.finish(chunk, report);
  }

  void close() {
    own_.close();
    desk_.post(talk::pack(talk::Closed{}));
  }

  /// Rank 0 ends the map then, for all alike.
  void post_trouble() {
    const talk::End trouble = talk::describe(std::current_exception());
    desk_.post(talk::pack(talk::Trouble{trouble.exit_code, trouble.message}));
  }

  talk::End work_in_this_process() {
    say_ready(1);
    talk::End end;
    std::jthread talking = base::start_thread(
        "talk", [&](const std::stop_token&) { end = Listener(comm_, desk_, *horizon_).listen(); });
    try {
      Recorder recorder(sink(), fingerprint_, start_.keep_arguments);
      while (const auto chunk = desk_.take_chunk()) finish(chunk, run_chunk(*chunk, work_, recorder));
      close();
    } catch (...) {
      post_trouble();
    }
    talking.join();
    return end;
  }

  talk::End work_in_slots() {
    Listener listener(comm_, desk_, *horizon_);
    try {
      if (cluster::available_cpus() < start_.slots) cluster::use_all_cpus_if_alone();
      execute::slots::Slots slots(work_, start_.slots);
      say_ready(start_.slots);
      for (bool closed = false;;) {
        while (!slots.all_busy()) {
          const auto chunk = desk_.poll_chunk();
          if (!chunk) break;
          slots.start(chunk);
        }
        if (!closed && desk_.is_done()) {
          close();
          closed = true;
        }
        const bool hears = desk_.has_credit();
        const auto pause = slots.longest_pause();
        const Time deadline = pause ? Clock::now() + *pause : Time::max();
        if (const auto end = listener.hear(hears ? slots.watched() : std::span<pollfd>(), deadline))
          return *end;
        slots.look();
        if (!hears) continue;
        for (auto& [chunk, report] : slots.hear(sink())) finish(chunk, report);
      }
    } catch (...) {
      post_trouble();
    }
    return listener.listen();
  }

  talk::Comm& comm_;
  const talk::Start& start_;
  bool sees_directory_;
  std::uint64_t run_id_;
  store::Fingerprinter fingerprint_;
  base::Shared<Horizon> horizon_;
  Work work_;
  Desk desk_;
  JournalSink own_;
  MailSink mail_;
};

}  // namespace

talk::End work(talk::Comm& comm, const detail::MapCall& call, const talk::Start& start) {
  return Worker(comm, call, start).work();
}

}  // namespace tasker::execute
