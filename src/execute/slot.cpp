#include "execute/slot.hpp"

#include "execute/last_lines.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <utility>

namespace tasker::execute {

using namespace std::chrono_literals;

namespace {

/// A child that dies so often before it starts a task will never do.
constexpr int vain_deaths_allowed = 3;
/// Between SIGTERM and SIGKILL.
constexpr auto grace = 2s;

std::uint64_t index_of(const base::Ranges& tasks, std::uint64_t place) {
  for (const base::Range& range : tasks) {
    if (place < range.size()) return range.first + place;
    place -= range.size();
  }
  throw DamagedError("its process recorded more tasks than it had");
}

/// The attempt that the first task of an order is.
std::uint32_t attempt_of(const Order& order) {
  for (const auto& [index, attempt] : order.attempts)
    if (index == order.tasks.front().first) return attempt;
  return 1;
}

void set_attempt(Order& order, std::uint32_t attempt) {
  const std::uint64_t index = order.tasks.front().first;
  const auto place = std::lower_bound(order.attempts.begin(), order.attempts.end(), std::pair(index, 0U));
  if (place != order.attempts.end() && place->first == index)
    place->second = attempt;
  else
    order.attempts.insert(place, {index, attempt});
}

/// Whether it is an outcome that a task's process notices itself.
bool can_be_told(store::Outcome outcome) {
  return outcome == store::Outcome::done || outcome == store::Outcome::failed ||
         outcome == store::Outcome::out_of_memory;
}

/// How often the task at `place` was tried before, if it has failed so often within this order.
std::uint32_t tries(const Order& order, std::uint64_t place, std::uint32_t failures) {
  return failures + (place == 0 ? order.tries : 0);
}

}  // namespace

Slot::Slot(const Work& work, Guard& guard) : work_(work), guard_(guard) {
  child_.emplace(work_, *page_, guard_);
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
  if (child_->pipe().send({base::pack(next.order)})) child_->pipe().send({next.arguments});
  begun_ = last_heard_ = looked_at_ = Clock::now();
  seen_ = stopped_ = 0;
}

void Slot::watch(std::vector<pollfd>& all) {
  all.push_back({child_->pipe().fd(), POLLIN, 0});
  all.push_back({child_->pidfd(), POLLIN, 0});
  const OutputPipes* const output = child_->output();
  all.push_back({output ? output->fd() : -1, POLLIN, 0});
}

std::optional<Slot::Ended> Slot::hear(std::span<const pollfd> found, FrameSink& sink) {
  if (found[2].revents != 0) child_->output()->drain();
  const bool ended = found[1].revents != 0;  // then what it said before is here by now
  std::optional<ChildEnd> end;
  try {
    read(sink);
    if (ended) end = child_->reap();
  } catch (const DamagedError& error) {
    // A process that is about to crash may say anything.
    end = {store::Outcome::crashed, error.what(), false, child_->reap().output};
  }
  if (end) {
    const bool was_fresh = std::exchange(fresh_, true);
    child_.emplace(work_, *page_, guard_);
    if (!orders_.empty()) after_crash(*end, was_fresh, sink);
  }
  if (!busy() || !orders_.empty()) return std::nullopt;
  return Ended{std::exchange(chunk_, nullptr), std::move(report_)};
}

void Slot::read(FrameSink& sink) {
  while (const auto message = child_->pipe().poll()) {
    if (!busy() || orders_.empty()) throw DamagedError("its process spoke without having work");
    if (message->starts_with(static_cast<char>(SlotKind::frame))) {
      write_frame(*message, sink);
    } else if (message->starts_with(static_cast<char>(SlotKind::state))) {
      const auto saved = base::unpack<SavedState>(*message);
      sink.save({saved.index, {saved.fingerprint_low, saved.fingerprint_high}}, saved.state);
    } else {
      report_.stopped = base::unpack<Finished>(*message).stopped;
      if (!report_.stopped && orders_.front().recorded != due(orders_.front()))
        throw DamagedError("its process did not record all of its tasks");
      report_.busy += Clock::now() - begun_;
      if (report_.stopped)
        orders_.clear();
      else
        orders_.pop_front();
      if (!orders_.empty()) send_order();
    }
    last_heard_ = Clock::now();
    vain_deaths_ = 0;
  }
}

void Slot::write_frame(std::string_view message, FrameSink& sink) {
  const store::FrameInfo info = base::unpack<FrameHead>(message.substr(0, frame_head_size)).info;
  message.remove_prefix(frame_head_size);
  Underway& underway = orders_.front();
  std::uint64_t recorded = underway.recorded;
  std::uint32_t failures = underway.failures;
  ChunkReport report = report_;
  store::RecordReader records(message);
  for (std::uint64_t i = 0; i < info.records; ++i) {
    const auto record = records.next();
    if (!record || recorded == due(underway) || record->index != index_of(underway.order.tasks, recorded) ||
        !can_be_told(record->outcome))
      throw DamagedError("its process sent records that are not of its tasks");
    if (record->outcome != store::Outcome::done) {
      if (tries(underway.order, recorded, failures) < work_.limits.retries) {
        ++failures;
        continue;
      }
      report.add_failure(record->index, std::string(record->payload), record->output);
    }
    ++report.tasks;
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

/// The tasks from `first` up to, not including, `last`, counted within the order.
Slot::Underway Slot::part_of(const Underway& whole, std::uint64_t first, std::uint64_t last,
                             bool again) const {
  Underway part;
  base::Ranges head = whole.order.tasks;
  part.order.again = again;
  part.order.tasks = base::split_after(head, first);
  base::split_after(part.order.tasks, last - first);
  part.order.attempts = whole.order.attempts;
  detail::Reader in(whole.arguments);
  const auto skip = [&](std::uint64_t count) {
    for (; count > 0; --count) in.bytes(in.number<std::uint64_t>());
    return in.left();
  };
  part.arguments = skip(first);
  part.arguments.remove_suffix(skip(last - first).size());
  part.size = last - first;
  part.before = again ? 0 : whole.before + first;
  if (first == whole.recorded) {
    part.order.tries = tries(whole.order, whole.recorded, whole.failures);
    if (whole.failures > 0) set_attempt(part.order, attempt_of(part.order) + whole.failures);
  }
  return part;
}

void Slot::after_crash(const ChildEnd& end, bool was_fresh, FrameSink& sink) {
  const Underway crashed = std::move(orders_.front());
  orders_.pop_front();
  report_.busy += Clock::now() - begun_;
  const std::uint64_t begun = started(crashed);
  const std::uint64_t unrecorded = begun - crashed.recorded;
  if (!crashed.order.again) chunk_->set_started(crashed.before + begun);
  // The task in flight is to blame, unless the signal was meant for one before it.
  // What a child lacks may have been taken by those before: a fresh one shows.
  const bool inherited = end.outcome == store::Outcome::out_of_memory && !was_fresh;
  const bool blamed = unrecorded > 0 && !inherited && (stopped_ == 0 || stopped_ == begun) &&
                      (end.at_once || unrecorded == 1);
  if (unrecorded == 0 && ++vain_deaths_ == vain_deaths_allowed) {
    const std::string said = last_lines(end.output);
    throw SystemError("the processes that execute tasks end before they start one: " + end.cause +
                      (said.empty() ? "" : "\n" + said));
  }

  std::vector<Underway> rest;
  const auto add = [&](std::uint64_t first, std::uint64_t last, bool again) {
    if (first < last) rest.push_back(part_of(crashed, first, last, again));
  };
  if (end.at_once) {
    add(crashed.recorded, blamed ? begun - 1 : begun, true);
  } else if (!blamed) {
    // Each on its own: then it shows.
    for (std::uint64_t place = crashed.recorded; place < begun; ++place) add(place, place + 1, true);
  }
  if (blamed) {
    Underway task = part_of(crashed, begun - 1, begun, true);
    const std::uint32_t attempt = attempt_of(task.order);
    record_crash(task, attempt, end, sink);
    if (task.order.tries < work_.limits.retries) {
      ++task.order.tries;
      set_attempt(task.order, attempt + 1);
      rest.push_back(std::move(task));
    } else {
      ++report_.tasks;
      report_.add_failure(task.order.tasks.front().first, end.cause, end.output);
    }
  }
  add(begun, crashed.size, crashed.order.again);
  orders_.insert(orders_.begin(), std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
  if (!orders_.empty()) send_order();
}

void Slot::record_crash(const Underway& task, std::uint32_t attempt, const ChildEnd& end,
                        FrameSink& sink) const {
  store::Record record;
  record.index = task.order.tasks.front().first;
  record.outcome = end.outcome;
  record.attempt = attempt;
  detail::Reader in(task.arguments);
  record.argument = in.bytes(in.number<std::uint64_t>());
  record.payload = end.cause;
  record.output = end.output;
  Recorder(sink, work_.fingerprint, work_.keep_arguments).add(record, Clock::now() - last_heard_);
}

void Slot::look(Clock::time_point now) {
  if (!busy() || work_.limits.timeout == 0s) return;
  const Underway& underway = orders_.front();
  const std::uint64_t begun = started(underway);
  const bool waiting = page_->waiting;
  const auto passed = now - std::exchange(looked_at_, now);
  if (std::exchange(seen_, begun) != begun)
    lasted_ = 0s;
  else if (!waiting)
    lasted_ += passed;
  if (begun == underway.recorded || waiting || lasted_ < work_.limits.timeout) return;
  if (stopped_ != begun) {
    stopped_ = begun;
    stopped_at_ = now;
    page_->trap = Trap::too_long;
    child_->signal(SIGTERM);
  } else if (now - stopped_at_ >= grace) {
    child_->signal(SIGKILL);
  }
}

}  // namespace tasker::execute
