#include "execute/last_lines.hpp"
#include "execute/slots/slot.hpp"

#include <iterator>
#include <utility>

namespace tasker::execute::slots {

using namespace std::chrono_literals;

namespace {

/// Children that die before they start a task: after so many in a row the next one would, too. Until then it
/// may be for want of memory, which others may give back: the pauses double, to 12 s in all.
constexpr int vain_deaths_allowed = 8;
constexpr auto first_pause = 100ms;

}  // namespace

void Slot::lose_in_vain(const std::string& how, Clock::time_point now) {
  if (++vain_deaths_ == vain_deaths_allowed) trouble_ = how;
  fork_at_ = now + first_pause * (1 << (vain_deaths_ - 1));
}

void Slot::after_crash(ChildEnd end, bool was_fresh) {
  const Underway crashed = std::move(orders_.front());
  orders_.pop_front();
  report_.busy += Clock::now() - begun_;
  const std::uint64_t begun = started(crashed);
  const std::uint64_t unrecorded = begun - crashed.recorded;
  if (!crashed.order.again) chunk_->set_started(crashed.before + begun);

  std::vector<Underway> rest;
  const auto add = [&](std::uint64_t first, std::uint64_t last, bool again) {
    if (first < last) rest.push_back(crashed.part(first, last, again));
  };
  if (unrecorded == 0) {
    const std::string said = last_lines(end.output);
    lose_in_vain("the processes that execute tasks end before they start one: " + end.cause +
                     (said.empty() ? "" : "\n" + said),
                 Clock::now());
  } else {
    vain_deaths_ = 0;
    const std::uint64_t last = begun - 1;
    if (end.at_once) {
      add(crashed.recorded, last, true);
    } else {
      // Each on its own: then it shows.
      for (std::uint64_t place = crashed.recorded; place < last; ++place) add(place, place + 1, true);
    }
    add(last, begun, true);
    // A signal may have been meant for a task before.
    const bool alone = was_fresh && unrecorded == 1;
    if (stopped_ == 0 ? alone : stopped_ == begun)
      rest.back().verdict = {std::move(end), Clock::now() - last_heard_};
    else
      rest.back().fresh = true;
  }
  add(begun, crashed.size, crashed.order.again);
  orders_.insert(orders_.begin(), std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
}

/// Records the tasks that are judged, when it is their turn.
void Slot::settle(FrameSink& sink) {
  while (!orders_.empty() && orders_.front().verdict) {
    Underway& task = orders_.front();
    const Verdict verdict = *std::exchange(task.verdict, std::nullopt);
    record_crash(task, verdict, sink);
    if (task.order.tries < work_.limits.retries) {
      ++task.order.tries;
      task.set_attempt(task.attempt() + 1);
      task.fresh = true;
      return;
    }
    report_.add_failure(failure_of(task.index(0), verdict.end.cause, verdict.end.output));
    orders_.pop_front();
  }
}

void Slot::record_crash(const Underway& task, const Verdict& verdict, FrameSink& sink) const {
  store::Record record;
  record.index = task.index(0);
  record.outcome = verdict.end.outcome;
  record.attempt = task.attempt();
  detail::Reader in(task.arguments);
  record.argument = in.bytes(in.number<std::uint64_t>());
  record.payload = verdict.end.cause;
  record.output = verdict.end.output;
  Recorder(sink, work_.fingerprint, work_.keep_arguments).add(record, verdict.lasted);
}

}  // namespace tasker::execute::slots
