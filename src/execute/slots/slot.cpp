#include "execute/slots/slot.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <csignal>
#include <utility>

namespace tasker::execute::slots {

using namespace std::chrono_literals;

namespace {

/// Between SIGTERM and SIGKILL.
constexpr auto grace = 2s;
/// What a child without a task may take besides a task's timeout: it may have a large order to read.
constexpr auto leeway = 10s;
/// Between the end of a child's pipe and its own: it has closed its end itself if it lives on for longer.
constexpr auto last_moment = 1s;
/// Between two tries to take a child's output.
constexpr auto output_pause = 10ms;
/// How much is read from a child before others have their turn; and from one that has ended, whose copies
/// may go on talking for ever.
constexpr int pieces_at_once = 16;
constexpr int last_pieces = 1024;

/// Whether it is an outcome that a task's process notices itself.
bool can_be_told(store::Outcome outcome) {
  return outcome == store::Outcome::done || outcome == store::Outcome::failed ||
         outcome == store::Outcome::out_of_memory;
}

}  // namespace

Slot::Slot(const Work& work, Guard& guard) : work_(work), guard_(guard) {
  child_.emplace(work_, *page_, guard_);
}

Slot::~Slot() {
  if (chunk_) chunk_->end_sharing();
}

void Slot::start(std::shared_ptr<Chunk> chunk) {
  chunk->share(page_->chunk);
  report_ = {};
  Underway& all = orders_.emplace_back();
  all.order.tasks = chunk->tasks();
  all.order.attempts = chunk->attempts();
  all.arguments = chunk->arguments();
  all.size = base::count(chunk->tasks());
  chunk_ = std::move(chunk);
  proceed(Clock::now());
}

void Slot::take_over(Slot& other) {
  chunk_ = std::exchange(other.chunk_, nullptr);
  chunk_->share(page_->chunk);
  orders_ = std::exchange(other.orders_, {});
  report_ = std::exchange(other.report_, {});
  proceed(Clock::now());
}

/// Sends the first order, if there is who can take it or it is time to fork one.
void Slot::proceed(Clock::time_point now) {
  if (orders_.empty() || sent_ || doomed_ || !trouble_.empty() || (!child_ && now < fork_at_)) return;
  try {
    if (!child_) child_.emplace(work_, *page_, guard_);
  } catch (const SystemError& error) {
    lose_in_vain(error.what(), now);
    return;
  }
  if (orders_.front().fresh && !fresh_) {
    doomed_ = true;
    child_->signal(SIGKILL);
    return;
  }
  send_order();
}

void Slot::send_order() {
  const Underway& next = orders_.front();
  if (next.order.again)
    page_->again = {0, static_cast<std::uint32_t>(next.size)};
  else
    chunk_->repair();
  page_->trap = Trap::none;
  page_->waiting = false;
  // A child that has just died is noticed by its end.
  child_->pipe().post(base::pack(next.order), next.arguments);
  sent_ = true;
  begun_ = last_heard_ = looked_at_ = Clock::now();
  lasted_ = 0s;
  seen_ = stopped_ = 0;
}

void Slot::watch(std::vector<pollfd>& all) {
  const auto add = [&](bool wanted, int fd, int events) {
    all.push_back({wanted ? fd : -1, static_cast<short>(events), 0});
  };
  if (!child_) {
    for (std::size_t i = 0; i < watched; ++i) add(false, -1, 0);
    return;
  }
  add(!doomed_ && !child_->pipe().has_ended(), child_->pipe().fd(),
      child_->pipe().has_unsent() ? POLLIN | POLLOUT : POLLIN);
  add(true, child_->pidfd(), POLLIN);
  const OutputPipes* const output = child_->output();
  add(output && !held_up_, output ? output->fd() : -1, POLLIN);
}

std::optional<Slot::Ended> Slot::hear(std::span<const pollfd> found, FrameSink& sink) {
  if (found[2].revents != 0) held_up_ = !child_->output()->drain();
  const bool ended = found[1].revents != 0;  // then what it said before is here by now
  if (child_ && !doomed_) {
    try {
      if ((found[0].revents & POLLOUT) != 0) {
        child_->pipe().flush();
        lasted_ = 0s;  // it reads
      }
      if (found[0].revents != 0 || ended) read(ended, sink);
      if (found[0].revents != 0 && child_->pipe().has_ended()) cut_off_ = Clock::now();
    } catch (const DamagedError& error) {
      // A process that is about to crash may say anything.
      end_for(error.what());
    }
  }
  if (ended) bury();
  settle(sink);
  proceed(Clock::now());
  if (!busy() || !orders_.empty()) return std::nullopt;
  return Ended{std::exchange(chunk_, nullptr), std::move(report_)};
}

void Slot::end_for(const std::string& nonsense) {
  nonsense_ = nonsense;
  doomed_ = true;
  child_->signal(SIGKILL);
}

void Slot::read(bool ended, FrameSink& sink) {
  bool more = true;
  for (int pieces = ended ? last_pieces : pieces_at_once; more && pieces > 0; --pieces) {
    more = child_->pipe().fetch();
    while (const auto message = child_->pipe().take()) {
      if (!sent_) throw DamagedError("its process spoke without having work");
      if (message->starts_with(static_cast<char>(SlotKind::frame))) {
        write_frame(*message, sink);
      } else if (message->starts_with(static_cast<char>(SlotKind::state))) {
        save(*message, sink);
      } else {
        finish_order(base::unpack<Finished>(*message));
      }
      last_heard_ = Clock::now();
      vain_deaths_ = 0;
    }
  }
}

void Slot::finish_order(const Finished& finished) {
  if (child_->pipe().has_unsent()) throw DamagedError("its process did not hear all of its tasks");
  if (!finished.stopped && orders_.front().recorded != due(orders_.front()))
    throw DamagedError("its process did not record all of its tasks");
  report_.stopped = finished.stopped;
  report_.busy += Clock::now() - begun_;
  sent_ = false;
  if (finished.stopped)
    orders_.clear();
  else
    orders_.pop_front();
}

void Slot::write_frame(std::string_view message, FrameSink& sink) {
  const store::FrameInfo info = base::unpack_front<FrameHead>(message).info;
  Underway& underway = orders_.front();
  std::uint64_t recorded = underway.recorded;
  std::uint32_t failures = underway.failures;
  ChunkReport report = report_;
  store::RecordReader records(message);
  for (std::uint64_t i = 0; i < info.records; ++i) {
    const auto record = records.next();
    if (!record || recorded == due(underway) || record->index != underway.index(recorded) ||
        !can_be_told(record->outcome))
      throw DamagedError("its process sent records that are not of its tasks");
    if (record->outcome != store::Outcome::done) {
      if (underway.tries(recorded, failures) < work_.limits.retries) {
        ++failures;
        continue;
      }
      report.add_failure(failure_of(record->index, record->payload, record->output));
    } else {
      ++report.tasks;
    }
    ++recorded;
    failures = 0;
  }
  if (records.offset() != message.size()) throw DamagedError("its process sent records that do not end");
  sink.write(info, message, {});
  fresh_ = false;
  lasted_ = 0s;  // what the child is at now has begun since
  underway.recorded = recorded;
  underway.failures = failures;
  report_ = std::move(report);
  if (!underway.order.again) chunk_->set_started(underway.before + recorded);
}

/// What the child says of a task is as little believed as what it records.
void Slot::save(std::string_view state, FrameSink& sink) const {
  const std::uint64_t index = base::unpack_front<SavedState>(state).index;
  const auto argument = orders_.front().argument(index);
  if (!argument) throw DamagedError("its process saved the state of a task that is not its own");
  sink.save({index, work_.fingerprint(*argument)}, state);
}

/// How many of its tasks the child is to record: those that were not taken back.
std::uint64_t Slot::due(const Underway& underway) const {
  return underway.order.again ? underway.size : chunk_->kept() - underway.before;
}

/// How many of its tasks the child has started, as it says.
std::uint64_t Slot::started(const Underway& underway) const {
  const Chunk::State state = underway.order.again ? page_->again : page_->chunk;
  const std::uint64_t begun = state.started - std::min<std::uint64_t>(underway.before, state.started);
  return std::clamp(begun, underway.recorded, due(underway));
}

/// The child has ended.
void Slot::bury() {
  ChildEnd end = child_->reap();
  if (!nonsense_.empty())
    end = {store::Outcome::crashed, std::exchange(nonsense_, {}), false, std::move(end.output)};
  child_.reset();
  doomed_ = held_up_ = false;
  const bool was_fresh = std::exchange(fresh_, true);
  if (std::exchange(sent_, false)) after_crash(std::move(end), was_fresh);
}

std::optional<Slot::Clock::duration> Slot::longest_pause() const {
  if (held_up_) return output_pause;
  if (is_cut_off()) return std::max<Clock::duration>(cut_off_ + last_moment - Clock::now(), 0s);
  if (!child_ && busy() && trouble_.empty()) return std::max<Clock::duration>(fork_at_ - Clock::now(), 0s);
  // A task's begin is noticed with this delay, which adds to its time.
  if (busy() && work_.limits.timeout > 0s)
    return std::clamp<Clock::duration>(work_.limits.timeout / 20, 10ms, 5s);
  return std::nullopt;
}

void Slot::look(Clock::time_point now) {
  if (held_up_) held_up_ = !child_->output()->drain();
  if (is_cut_off() && now >= cut_off_ + last_moment) end_for("it closed its connection to its rank");
  proceed(now);
  if (!sent_ || doomed_ || work_.limits.timeout == 0s) return;
  const Underway& underway = orders_.front();
  const std::uint64_t begun = started(underway);
  // It may say that it waits, and be stopped.
  const base::Pipe& pipe = child_->pipe();
  const bool waiting = (page_->waiting || pipe.has_unsent()) && pipe.is_awaited();
  const auto passed = now - std::exchange(looked_at_, now);
  if (begun > seen_) {
    seen_ = begun;
    lasted_ = 0s;
  } else if (!waiting) {
    lasted_ += passed;
  }
  if (waiting || lasted_ < work_.limits.timeout) return;
  if (begun == underway.recorded) {
    if (lasted_ >= work_.limits.timeout + leeway) child_->signal(SIGKILL);
  } else if (stopped_ != begun) {
    stopped_ = begun;
    stopped_at_ = now;
    page_->trap = Trap::too_long;
    child_->signal(SIGTERM);
  } else if (now - stopped_at_ >= grace) {
    child_->signal(SIGKILL);
  }
}

}  // namespace tasker::execute::slots
