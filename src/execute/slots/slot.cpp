#include "execute/slots/slot.hpp"

#include "execute/failure.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <csignal>
#include <utility>

namespace tasker::execute::slots {

using namespace std::chrono_literals;

namespace {

/// Between SIGTERM and SIGKILL.
constexpr auto grace = 2s;
/// A child may take so much longer than a task's timeout before it starts a task: it may read a large chunk.
constexpr auto leeway = 10s;
/// A child that dies ends so soon after its pipe. One that lives on has closed its end of the pipe.
constexpr auto last_moment = 1s;
/// Between two tries to take a child's output.
constexpr auto output_pause = 10ms;
/// So much is read from a child before the other children have their turn.
constexpr int pieces_at_once = 16;
/// So much is read from a child that has ended: processes that it has forked may go on sending for ever.
constexpr int last_pieces = 1024;

/// Whether a child itself notices this outcome, and so may record it.
bool can_be_told(store::Outcome outcome) {
  return outcome == store::Outcome::done || outcome == store::Outcome::failed ||
         outcome == store::Outcome::permanent || outcome == store::Outcome::out_of_memory;
}

}  // namespace

Slot::Slot(const Work& work, Guard& guard) : work_(work), guard_(guard) {
  child_.emplace(work_, *page_, guard_);
}

Slot::~Slot() {
  if (chunk_) chunk_->end_sharing();
}

void Slot::start(std::shared_ptr<Chunk> chunk) {
  chunk_ = std::move(chunk);
  chunk_->share(page_->chunk);
  report_ = {};
  proceed(Clock::now());
}

/// Sends the chunk if that is not done. Forks a child for it if there is none, but not before `fork_at_`.
void Slot::proceed(Clock::time_point now) {
  if (!chunk_ || over_ || sent_ || doomed_ || (!child_ && now < fork_at_)) return;
  try {
    if (!child_) child_.emplace(work_, *page_, guard_);
  } catch (const SystemError& error) {
    lose_in_vain(error.what(), now);
    return;
  }
  if (chunk_->assignment().suspect && !fresh_)
    kill_child();  // another one is forked once it has ended
  else
    send_chunk();
}

void Slot::send_chunk() {
  page_->trap = Trap::none;
  page_->waiting = false;
  // If the child has just died, this does nothing, and `hear` finds its end.
  child_->pipe().post(talk::pack(chunk_->assignment()), chunk_->arguments());
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

void Slot::hear(std::span<const pollfd> found, FrameSink& sink) {
  if (found[2].revents != 0) held_up_ = !child_->output()->drain();
  const bool ended = found[1].revents != 0;  // then all that it sent is in the pipe by now
  if (child_ && !doomed_) {
    try {
      if ((found[0].revents & POLLOUT) != 0) {
        child_->pipe().flush();
        lasted_ = 0s;  // the child is still reading the chunk
      }
      if (found[0].revents != 0 || ended) read(ended, sink);
      if (found[0].revents != 0 && child_->pipe().has_ended()) cut_off_ = Clock::now();
    } catch (const DamagedError& error) {
      // A process that is about to crash may send anything.
      kill_child(error.what());
    }
  }
  if (ended) bury(sink);
  proceed(Clock::now());
}

std::optional<Slot::Ended> Slot::take_ended() {
  if (!std::exchange(over_, false)) return std::nullopt;
  chunk_->end_sharing();  // others may hold the chunk for longer than the slot lives
  return Ended{std::exchange(chunk_, nullptr), std::move(report_)};
}

void Slot::kill_child(const std::string& nonsense) {
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
      if (message->starts_with(static_cast<char>(base::kind<Records>))) {
        write_frame(*message, sink);
      } else if (message->starts_with(static_cast<char>(base::kind<SavedState>))) {
        save(*message, sink);
      } else {
        base::unpack<Finished>(*message);
        finish_chunk();
      }
      last_heard_ = Clock::now();
      vain_deaths_ = 0;
    }
  }
}

void Slot::finish_chunk() {
  if (child_->pipe().has_unsent()) throw DamagedError("its process did not hear all of its tasks");
  if (chunk_->recorded() == 0 && chunk_->kept() > 0 && !work_.horizon.stop_requested())
    throw DamagedError("its process did not record any of its tasks");
  report_.busy += Clock::now() - begun_;
  sent_ = false;
  end_chunk();
}

/// The tasks that are not recorded are left over.
void Slot::end_chunk() {
  if (chunk_->recorded() < chunk_->kept()) {
    base::Ranges recorded = chunk_->tasks();
    report_.left.tasks = base::split_after(recorded, chunk_->recorded());
  }
  over_ = true;
}

/// The tasks with consecutive indices from this place of the chunk on. The place must be less than the
/// chunk's size.
base::Range Slot::tasks_from(std::uint64_t place) const {
  auto range = chunk_->tasks().begin();
  for (; place >= range->size(); ++range) place -= range->size();
  return {range->first + place, range->last};
}

/// The argument of the task with this index; nothing if the chunk has no such task.
std::optional<std::string_view> Slot::argument(std::uint64_t index) const {
  detail::Reader in(chunk_->arguments());
  for (const base::Range& range : chunk_->tasks())
    for (std::uint64_t task = range.first; task < range.last; ++task) {
      const std::string_view found = work_.call.take_argument(in);
      if (task == index) return found;
    }
  return std::nullopt;
}

void Slot::write_frame(std::string_view message, FrameSink& sink) {
  base::unpack_front<Records>(message);
  const auto frame = store::Frame::at(message);
  if (!frame || frame->bytes().size() != message.size() || !frame->makes_sense() || frame->info().origin != 0)
    throw DamagedError("its process sent records that make no sense");
  const std::uint64_t kept = chunk_->kept();
  std::uint64_t recorded = chunk_->recorded();
  ChunkReport report = report_;
  for (std::uint32_t i = 0; i < frame->records();) {
    const store::Record record = (*frame)[i];
    const base::Range expected = recorded < kept ? tasks_from(recorded) : base::Range{};
    if (expected.size() == 0 || record.index != expected.first || !can_be_told(record.outcome))
      throw DamagedError("its process sent records that are not of its tasks");
    if (record.outcome == store::Outcome::done) {
      const std::uint64_t done = std::min<std::uint64_t>({frame->alike(i), expected.size(), kept - recorded});
      report.tasks += done;
      recorded += done;
      i += static_cast<std::uint32_t>(done);
    } else {
      if (may_be_tried_again(record.outcome, chunk_->tried(record.index), work_.options()))
        report.left_to_try_again(record.index);
      else
        report.add_failure(failure_of(record.index, record.payload, record.output));
      ++recorded;
      ++i;
    }
  }
  sink.write(frame->parts());
  fresh_ = false;
  lasted_ = 0s;  // the running task has started after these
  chunk_->set_recorded(recorded);
  report_ = std::move(report);
}

/// Saves the state that a task has sent, but under the fingerprint of its argument as the rank knows it.
void Slot::save(std::string_view state, FrameSink& sink) const {
  const std::uint64_t index = base::unpack_front<SavedState>(state).index;
  const auto known = argument(index);
  if (!known) throw DamagedError("its process saved the state of a task that is not its own");
  sink.save({index, work_.fingerprint(*known)}, state);
}

/// Call it when the child has ended.
void Slot::bury(FrameSink& sink) {
  ChildEnd end = child_->reap();
  if (!nonsense_.empty())
    end = {store::Outcome::crashed, std::exchange(nonsense_, {}), false, std::move(end.output)};
  child_.reset();
  doomed_ = held_up_ = false;
  const bool was_fresh = std::exchange(fresh_, true);
  if (std::exchange(sent_, false)) after_crash(end, was_fresh, sink);
}

std::optional<Slot::Clock::duration> Slot::longest_pause() const {
  if (over_) return Clock::duration(0);
  if (held_up_) return output_pause;
  if (is_cut_off()) return std::max<Clock::duration>(cut_off_ + last_moment - Clock::now(), 0s);
  if (!child_ && busy()) return std::max<Clock::duration>(fork_at_ - Clock::now(), 0s);
  // A look finds a task's start so late. The task gets that much more time.
  if (busy() && work_.options().timeout > 0s)
    return std::clamp<Clock::duration>(work_.options().timeout / 20, 10ms, 5s);
  return std::nullopt;
}

void Slot::look(Clock::time_point now) {
  if (held_up_) held_up_ = !child_->output()->drain();
  if (is_cut_off() && now >= cut_off_ + last_moment) kill_child("it closed its connection to its rank");
  proceed(now);
  if (!sent_ || doomed_ || work_.options().timeout == 0s) return;
  const std::uint64_t begun = chunk_->started();
  // A stopped child may have said that it waits, so the pipe must confirm that.
  const base::Pipe& pipe = child_->pipe();
  const bool waiting = (page_->waiting || pipe.has_unsent()) && pipe.is_awaited();
  const auto passed = now - std::exchange(looked_at_, now);
  if (begun > seen_) {
    seen_ = begun;
    lasted_ = 0s;
  } else if (!waiting) {
    lasted_ += passed;
  }
  if (waiting || lasted_ < work_.options().timeout) return;
  if (begun == chunk_->recorded()) {
    if (lasted_ >= work_.options().timeout + leeway) child_->signal(SIGKILL);
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
