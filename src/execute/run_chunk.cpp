#include "execute/run_chunk.hpp"

#include "base/exceptions.hpp"
#include "base/process.hpp"
#include "execute/failure.hpp"

#include <tasker/error.hpp>

#include <exception>
#include <new>
#include <utility>

namespace tasker::execute {

namespace {

class ChunkSteps;
thread_local ChunkSteps* in_fn = nullptr;  // the chunk at whose task this thread is inside `fn`

class ChunkSteps final : public detail::Steps {
 public:
  ChunkSteps(Chunk& chunk, const Work& work, Recorder& recorder, slots::OutputPipes* output)
      : chunk_(chunk), work_(work), recorder_(recorder), arguments_(chunk.arguments()), output_(output) {}

  bool next(detail::Step& step) override {
    if (stopped_ || (!again_ && !advance())) return false;
    again_ = false;
    step = {record_.index, record_.attempt, record_.argument, &recorder_.begin()};
    in_fn = this;
    return true;
  }

  std::uint64_t keep_what_has_ended() {
    recorder_.flush();
    return record_.index;
  }

  void done(detail::Binding binding) override {
    in_fn = nullptr;
    if (!maker_.is_here()) end_copy();
    throw_trouble();
    record_.binding = static_cast<std::uint8_t>((binding.index ? store::bound_to_index : 0) |
                                                (binding.count ? store::bound_to_count : 0));
    end(store::Outcome::done);
    ++report_.tasks;
  }

  void failed(std::exception_ptr exception) override {
    in_fn = nullptr;
    if (!maker_.is_here()) end_copy(base::typed_text_of(exception));
    throw_trouble();
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
    } catch (...) {
      // It is recorded, whatever it is.
    }
    const std::string why = base::typed_text_of(exception);
    recorder_.replace_payload(why);
    record_.binding = 0;
    end(store::Outcome::failed);
    if (failed_ < work_.options().retries) {
      ++failed_;
      ++record_.attempt;
      again_ = true;
      return;
    }
    report_.add_failure(failure_of(record_.index, why));
  }

  std::uint64_t task_count() const override { return work_.task_count; }
  std::chrono::nanoseconds time_left() const override { return work_.horizon.time_left(); }
  bool stop_requested() const override { return work_.horizon.stop_requested(); }

  void save(std::string_view state) override {
    if (!maker_.is_here()) throw Error("a process that a task has forked can't save the task's state");
    state_ = state;
    try {
      recorder_.save(record_.index, record_.argument, state);
    } catch (...) {
      trouble_ = std::current_exception();
      throw;
    }
  }
  std::optional<std::string> load() override {
    if (state_ || !work_.load_state) return state_;
    return work_.load_state({record_.index, work_.fingerprint(record_.argument)});
  }

  ChunkReport report() {
    if (stopped_) {
      base::Ranges executed = chunk_.tasks();
      report_.left.tasks = base::split_after(executed, report_.tasks);
    }
    return std::move(report_);
  }

 private:
  [[noreturn]] void end_copy(const std::string& exception = {}) const {
    base::end_copy("task " + std::to_string(record_.index), exception);
  }

  bool advance() {
    if (work_.horizon.stopped()) {
      stopped_ = true;
      return false;
    }
    if (!chunk_.start()) return false;
    while (at_ == chunk_.tasks()[range_].size()) {
      ++range_;
      at_ = 0;
    }
    record_ = {};
    record_.index = chunk_.tasks()[range_].first + at_++;
    state_.reset();
    record_.argument = work_.call.take_argument(arguments_);
    const talk::Tried tried = chunk_.tried(record_.index);
    record_.attempt = tried.attempt;
    failed_ = tried.failed;
    return true;
  }

  /// Throws if a state could not be saved, even if `fn` has caught that exception.
  void throw_trouble() const {
    if (trouble_) std::rethrow_exception(trouble_);
  }

  void end(store::Outcome outcome) {
    record_.outcome = outcome;
    std::string written;
    if (output_)
      written = output_->end_task(work_.options().capture == Capture::all || outcome != store::Outcome::done);
    record_.output = written;
    recorder_.end(record_);
  }

  base::Maker maker_;
  Chunk& chunk_;
  const Work& work_;
  Recorder& recorder_;
  detail::Reader arguments_;
  std::size_t range_ = 0;
  std::uint64_t at_ = 0;
  store::Record record_;
  std::optional<std::string> state_;  // what the task has saved
  std::exception_ptr trouble_;        // why a state could not be saved
  std::uint32_t failed_ = 0;          // failed attempts at this task
  slots::OutputPipes* output_;
  bool again_ = false;  // the same task is tried once more
  bool stopped_ = false;
  ChunkReport report_;
};

}  // namespace

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
