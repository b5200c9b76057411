#include "execute/run_chunk.hpp"

#include "base/exceptions.hpp"
#include "base/process.hpp"
#include "base/units.hpp"
#include "execute/last_lines.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

namespace tasker::execute {

namespace {

constexpr std::size_t reported_size = 4096;

/// What is told of a message of any length, without half a character (UTF-8) at its end.
std::string shortened(std::string_view message) {
  if (message.size() <= reported_size) return std::string(message);
  const std::string_view ellipsis = "…";
  std::size_t size = reported_size - ellipsis.size();
  while (size > 0 && (message[size] & 0xC0) == 0x80) --size;
  return std::string(message.substr(0, size)).append(ellipsis);
}

template <class E>
bool is_a(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const E&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

std::string memory_text(const Limits& limits) {
  return "it took more memory than its limit of " + base::size_text(limits.memory);
}

std::string timeout_text(const Limits& limits) {
  return "it lasted longer than its timeout of " + base::duration_text(limits.timeout);
}

TaskFailure failure_of(std::uint64_t index, std::string_view message, std::string_view output) {
  return {index, shortened(message), 1, last_lines(output)};
}

namespace {

class ChunkSteps;
thread_local ChunkSteps* in_fn = nullptr;  // whose `fn` this thread is in

class ChunkSteps final : public detail::Steps {
 public:
  ChunkSteps(Chunk& chunk, const Work& work, Recorder& recorder, std::uint32_t tries,
             slots::OutputPipes* output)
      : chunk_(chunk),
        work_(work),
        recorder_(recorder),
        arguments_(chunk.arguments()),
        attempt_(chunk.attempts().begin()),
        tries_(tries),
        output_(output) {}

  bool next(detail::Step& step) override {
    if (report_.stopped || (!again_ && !advance())) return false;
    again_ = false;
    step = {record_.index, record_.attempt, argument_};
    // A huge result's buffer is not kept for all tiny ones that may follow.
    if (result_.capacity() > (std::size_t{1} << 24)) std::string().swap(result_);
    result_.clear();
    recorder_.begin();
    in_fn = this;
    return true;
  }

  std::string& result() override { return result_; }

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
    tries_ = 0;
  }

  void failed(std::exception_ptr exception) override {
    in_fn = nullptr;
    if (!maker_.is_here()) end_copy(base::typed_text_of(exception));
    throw_trouble();
    if (work_.limits.memory > 0 && is_a<std::bad_alloc>(exception)) {
      recorder_.flush();
      throw OutOfMemory();
    }
    if (is_a<Interrupted>(exception) && stop_requested()) {
      report_.stopped = true;
      return;
    }
    result_ = base::typed_text_of(exception);
    record_.binding = 0;
    end(store::Outcome::failed);
    if (tries_ < work_.limits.retries) {
      ++tries_;
      ++record_.attempt;
      again_ = true;
      return;
    }
    report_.add_failure(failure_of(record_.index, result_));
    tries_ = 0;
  }

  std::uint64_t task_count() const override { return work_.task_count; }
  std::chrono::nanoseconds time_left() const override { return work_.horizon.time_left(); }
  bool stop_requested() const override { return work_.horizon.stop_requested(); }

  void save(std::string_view state) override {
    if (!maker_.is_here()) throw Error("a process that a task has forked can't save the task's state");
    state_ = state;
    try {
      recorder_.save(record_.index, argument_, state);
    } catch (...) {
      trouble_ = std::current_exception();
      throw;
    }
  }
  std::optional<std::string> load() override {
    if (state_ || !work_.load_state) return state_;
    return work_.load_state({record_.index, work_.fingerprint(argument_)});
  }

  ChunkReport& report() { return report_; }

 private:
  [[noreturn]] void end_copy(const std::string& exception = {}) const {
    base::end_copy("task " + std::to_string(record_.index), exception);
  }

  bool advance() {
    if (work_.horizon.stopped()) {
      report_.stopped = true;
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
    argument_ = arguments_.bytes(arguments_.number<std::uint64_t>());
    while (attempt_ != chunk_.attempts().end() && attempt_->first < record_.index) ++attempt_;
    if (attempt_ != chunk_.attempts().end() && attempt_->first == record_.index)
      record_.attempt = attempt_->second;
    return true;
  }

  /// A state could not be saved, whatever `fn` makes of that.
  void throw_trouble() const {
    if (trouble_) std::rethrow_exception(trouble_);
  }

  void end(store::Outcome outcome) {
    record_.outcome = outcome;
    record_.argument = argument_;
    record_.payload = result_;
    std::string written;
    if (output_)
      written = output_->end_task(work_.capture == Capture::all || outcome != store::Outcome::done);
    record_.output = written;
    recorder_.end(record_);
  }

  base::Maker maker_;
  Chunk& chunk_;
  const Work& work_;
  Recorder& recorder_;
  detail::Reader arguments_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>>::const_iterator attempt_;
  std::size_t range_ = 0;
  std::uint64_t at_ = 0;
  store::Record record_;
  std::string_view argument_;
  std::optional<std::string> state_;  // that the task has saved
  std::exception_ptr trouble_;
  std::string result_;
  std::uint32_t tries_;  // of this task, which failed
  slots::OutputPipes* output_;
  bool again_ = false;
  ChunkReport report_;
};

}  // namespace

std::optional<std::uint64_t> keep_what_has_ended() {
  ChunkSteps* const steps = std::exchange(in_fn, nullptr);
  if (!steps) return std::nullopt;
  return steps->keep_what_has_ended();
}

ChunkReport run_chunk(Chunk& chunk, const Work& work, Recorder& recorder, std::uint32_t tries,
                      slots::OutputPipes* output) {
  ChunkSteps steps(chunk, work, recorder, tries, output);
  const auto before = Recorder::Clock::now();
  work.call.execute(steps);
  recorder.flush();
  steps.report().busy = Recorder::Clock::now() - before;
  return std::move(steps.report());
}

}  // namespace tasker::execute
