#include "execute/run_chunk.hpp"

#include "base/exceptions.hpp"
#include "base/process.hpp"
#include "execute/failure.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

namespace tasker::execute {

namespace {

/// A larger buffer, which a huge result has needed, is not kept: all that follow may be tiny.
constexpr std::size_t most_kept = std::size_t{1} << 24;

class ChunkSteps;
thread_local ChunkSteps* in_fn = nullptr;  // the chunk at whose task this thread is inside `fn`

class ChunkSteps final : public detail::Steps {
 public:
  ChunkSteps(Chunk& chunk, const Work& work, Recorder& recorder, slots::OutputPipes* output)
      : chunk_(chunk),
        work_(work),
        recorder_(recorder),
        output_(output),
        batches_(work.call.argument_size && !output && work.options().timeout.count() == 0 &&
                 chunk.assignment().tried.empty()),
        range_(chunk.tasks().data()) {
    if (!chunk.tasks().empty()) step_.index = range_->first - 1;
    step_.argument = std::string_view(chunk.arguments()).substr(0, 0);
    step_.results = &results_;
    claims_ = &chunk.claims();
  }

  std::uint64_t keep_what_has_ended() {
    left_ = 0;
    record_before();
    recorder_.flush();
    return step_.index;
  }

  void failed(std::exception_ptr exception) override {
    left_ = 0;
    in_fn = nullptr;
    if (!maker_.is_here()) end_copy(base::typed_text_of(exception));
    throw_trouble();
    record_before();
    auto outcome = store::Outcome::failed;
    try {
      std::rethrow_exception(exception);
    } catch (const std::bad_alloc&) {
      if (work_.options().memory_limit > 0) {
        recorder_.flush();
        throw;
      }
    } catch (const Interrupted&) {
      if (stop_requested()) {
        stopped_ = true;
        return;
      }
    } catch (const Permanent&) {
      outcome = store::Outcome::permanent;
    } catch (...) {
      // It is recorded, whatever it is.
    }
    const std::string why = base::typed_text_of(exception);
    record_last(outcome, 0, why);
    if (may_be_tried_again(outcome, chunk_.tried(step_.index), work_.options()))
      report_.left_to_try_again(step_.index);
    else
      report_.add_failure(failure_of(step_.index, why));
  }

  std::uint64_t task_count() const override { return work_.task_count; }
  std::chrono::nanoseconds time_left() const override { return work_.horizon.time_left(); }
  bool stop_requested() const override { return work_.horizon.stop_requested(); }

  void save(std::string_view state) override {
    if (!maker_.is_here()) throw Error("a process that a task has forked can't save the task's state");
    left_ = 0;  // else the next task would load this state
    state_ = state;
    try {
      recorder_.save(step_.index, step_.argument, state);
    } catch (...) {
      trouble_ = std::current_exception();
      throw;
    }
  }
  std::optional<std::string> load() override {
    if (state_ || !work_.load_state) return state_;
    return work_.load_state({step_.index, work_.fingerprint(step_.argument)});
  }

  ChunkReport report() {
    if (stopped_) {
      base::Ranges executed = chunk_.tasks();
      report_.left.tasks = base::split_after(executed, report_.tasks + base::count(report_.left.failed));
    }
    return std::move(report_);
  }

 private:
  const detail::Step* begin_batch() override {
    left_ = 0;
    in_fn = nullptr;
    record_before();
    if (stopped_ || !advance()) return nullptr;
    recorder_.begin();
    if (results_.capacity() > most_kept) std::string().swap(results_);
    results_.clear();
    first_ = step_;
    if (batches_)
      left_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(
          {recorder_.most_before(), range_->last - step_.index - 1, arguments_behind()}));
    in_fn = this;
    return &step_;
  }

  bool may_go_on() const override {
    return maker_.is_here() && !work_.horizon.stopped() && recorder_.has_room(results_.size()) &&
           recorder_.same_tick();
  }

  void end_batch(detail::Binding binding) override {
    left_ = 0;
    in_fn = nullptr;
    if (!maker_.is_here()) end_copy();
    throw_trouble();
    record_before();
    record_last(store::Outcome::done,
                static_cast<std::uint8_t>((binding.index ? store::bound_to_index : 0) |
                                          (binding.count ? store::bound_to_count : 0)),
                results_);
    ++report_.tasks;
  }

  [[noreturn]] void end_copy(const std::string& exception = {}) const {
    base::end_copy("task " + std::to_string(step_.index), exception);
  }

  bool advance() {
    if (work_.horizon.stopped()) {
      stopped_ = true;
      return false;
    }
    if (!chunk_.start()) return false;
    ++step_.index;
    while (step_.index == range_->last) step_.index = (++range_)->first;
    detail::Reader arguments(behind());
    step_.argument = work_.call.take_argument(arguments);
    step_.attempt = chunk_.tried(step_.index).attempt;
    state_.reset();
    return true;
  }

  /// What lies behind the argument of the last task.
  std::string_view behind() const {
    const std::string_view all = chunk_.arguments();
    return all.substr(static_cast<std::size_t>(step_.argument.end() - all.begin()));
  }
  /// How many arguments that is, if they have a size.
  std::size_t arguments_behind() const {
    const std::size_t size = step_.argument.size();
    return size == 0 ? SIZE_MAX : behind().size() / size;
  }

  /// Throws if a state could not be saved, even if `fn` has caught that exception.
  void throw_trouble() const {
    if (trouble_) std::rethrow_exception(trouble_);
  }

  static store::Record record_of(const detail::Step& step, store::Outcome outcome) {
    store::Record record;
    record.index = step.index;
    record.outcome = outcome;
    record.attempt = step.attempt;
    record.argument = step.argument;
    return record;
  }

  /// Records the tasks of the batch that have ended before the last one, whose result alone stays.
  void record_before() {
    if (ended_ == 0) return;
    store::Record first = record_of(first_, store::Outcome::done);
    first.argument = {first.argument.data(), ended_ * first.argument.size()};
    first.payload = std::string_view(results_).substr(0, ended_ * result_size_);
    recorder_.add_before(first, ended_);
    results_.erase(0, first.payload.size());
    report_.tasks += std::exchange(ended_, 0);
  }

  /// Records how the task that was started last has ended.
  void record_last(store::Outcome outcome, std::uint8_t binding, std::string_view payload) {
    store::Record record = record_of(step_, outcome);
    record.binding = binding;
    record.payload = payload;
    std::string written;
    if (output_)
      written = output_->end_task(work_.options().capture == Capture::all || outcome != store::Outcome::done);
    record.output = written;
    recorder_.end(record);
  }

  base::Maker maker_;
  Chunk& chunk_;
  const Work& work_;
  Recorder& recorder_;
  slots::OutputPipes* output_;
  bool batches_;              // else each task is a batch of its own
  const base::Range* range_;  // where the last task is in
  detail::Step first_;        // of the batch
  std::string results_;
  std::optional<std::string> state_;  // what the task has saved
  std::exception_ptr trouble_;        // why a state could not be saved
  bool stopped_ = false;
  ChunkReport report_;
};

}  // namespace

bool may_be_tried_again(store::Outcome outcome, const talk::Tried& before, const Options& options) {
  return outcome != store::Outcome::permanent && before.failed < options.retries;
}

void ChunkReport::left_to_try_again(std::uint64_t index) {
  if (!left.failed.empty() && left.failed.back().last == index)
    ++left.failed.back().last;
  else
    left.failed.push_back({index, index + 1});
}

std::optional<std::uint64_t> keep_what_has_ended() {
  ChunkSteps* const steps = std::exchange(in_fn, nullptr);
  if (!steps) return std::nullopt;
  return steps->keep_what_has_ended();
}

ChunkReport run_chunk(Chunk& chunk, const Work& work, Recorder& recorder, slots::OutputPipes* output) {
  ChunkSteps steps(chunk, work, recorder, output);
  const auto before = Recorder::Clock::now();
  work.call.execute(steps);
  recorder.flush();
  ChunkReport report = steps.report();
  report.busy = Recorder::Clock::now() - before;
  return report;
}

}  // namespace tasker::execute
