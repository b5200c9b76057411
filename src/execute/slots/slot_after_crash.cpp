#include "execute/failure.hpp"
#include "execute/slots/slot.hpp"

namespace tasker::execute::slots {

using namespace std::chrono_literals;

namespace {

/// So many children in a row may die before they start a task. They may lack memory that other processes give
/// back soon, so the pauses between them double, to 12 s in all.
constexpr int vain_deaths_allowed = 8;
constexpr auto first_pause = 100ms;

}  // namespace

void Slot::lose_in_vain(const std::string& how, Clock::time_point now) {
  fork_at_ = now + first_pause * (1 << vain_deaths_);
  if (++vain_deaths_ < vain_deaths_allowed) return;
  trouble_ = how;
  end_chunk();
}

void Slot::after_crash(const ChildEnd& end, bool was_fresh, FrameSink& sink) {
  report_.busy += Clock::now() - begun_;
  const std::uint64_t recorded = chunk_->recorded();
  const std::uint64_t begun = chunk_->started();
  if (begun == recorded) {
    const std::string said = last_lines(end.output);
    lose_in_vain("the processes that execute tasks end before they start one: " + end.cause +
                     (said.empty() ? "" : "\n" + said),
                 Clock::now());
    if (recorded > 0) end_chunk();
    return;
  }
  vain_deaths_ = 0;
  end_chunk();
  talk::Leftover& left = report_.left;
  const std::uint64_t last = tasks_from(begun - 1).first;
  // SIGTERM may have been meant for the task before this one: then this one is not to blame for the end.
  const bool alone = was_fresh && begun - recorded == 1;
  const bool to_blame = stopped_ == 0 ? alone : stopped_ == begun;
  if (to_blame) {
    base::IntervalSet others;
    others.insert(left.tasks);
    others.erase({last, last + 1});
    left.tasks = others.ranges();
    const talk::Tried before = chunk_->tried(last);
    record_crash(before, end, sink);
    if (!may_be_tried_again(end.outcome, before, work_.options())) {
      report_.add_failure(failure_of(last, end.cause, end.output));
      return;
    }
    report_.left_to_try_again(last);
  }
  if (to_blame || end.at_once) {
    left.suspects = {{last, last + 1}};
  } else {
    base::Ranges started = chunk_->tasks();
    base::split_after(started, begun);
    left.suspects = base::split_after(started, recorded);
  }
}

void Slot::record_crash(const talk::Tried& task, const ChildEnd& end, FrameSink& sink) const {
  store::Record record;
  record.index = task.index;
  record.outcome = end.outcome;
  record.attempt = task.attempt;
  record.argument = argument(task.index).value();
  record.payload = end.cause;
  record.output = end.output;
  Recorder(sink, work_.fingerprint, work_.options().keep_arguments).add(record, Clock::now() - last_heard_);
}

}  // namespace tasker::execute::slots
