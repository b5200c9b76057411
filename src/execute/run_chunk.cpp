#include "execute/run_chunk.hpp"

#include <boost/core/demangle.hpp>
#include <cxxabi.h>

#include <algorithm>
#include <exception>

namespace tasker::execute {

namespace {

constexpr std::size_t failures_kept = 5;
constexpr std::size_t reported_size = 4096;

/// "std::runtime_error: no such file"
std::string describe(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return boost::core::demangle(typeid(error).name()) + ": " + error.what();
  } catch (const std::string& text) {
    return "std::string: " + text;
  } catch (const char* text) {
    return std::string("const char*: ") + (text ? text : "null");
  } catch (...) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    return "an exception of type " + (type ? boost::core::demangle(type->name()) : "that is not known");
  }
}

/// What is told of a message of any length, without half a character (UTF-8) at its end.
std::string shortened(const std::string& message) {
  if (message.size() <= reported_size) return message;
  const std::string_view ellipsis = "…";
  std::size_t size = reported_size - ellipsis.size();
  while (size > 0 && (message[size] & 0xC0) == 0x80) --size;
  return message.substr(0, size).append(ellipsis);
}

class ChunkSteps final : public detail::Steps {
 public:
  ChunkSteps(Chunk& chunk, std::uint64_t task_count, Recorder& recorder)
      : chunk_(chunk),
        task_count_(task_count),
        recorder_(recorder),
        arguments_(chunk.arguments()),
        attempt_(chunk.attempts().begin()) {}

  bool next(detail::Step& step) override {
    if (!chunk_.start()) return false;
    while (at_ == chunk_.tasks()[range_].size()) {
      ++range_;
      at_ = 0;
    }
    record_ = {};
    record_.index = chunk_.tasks()[range_].first + at_++;
    record_.argument = arguments_.bytes(arguments_.number<std::uint64_t>());
    while (attempt_ != chunk_.attempts().end() && attempt_->first < record_.index) ++attempt_;
    if (attempt_ != chunk_.attempts().end() && attempt_->first == record_.index)
      record_.attempt = attempt_->second;
    step = {record_.index, record_.attempt, record_.argument};
    result_.clear();
    recorder_.begin();
    return true;
  }

  std::string& result() override { return result_; }

  void done(detail::Binding binding) override {
    record_.outcome = store::Outcome::done;
    record_.binding = static_cast<std::uint8_t>((binding.index ? store::bound_to_index : 0) |
                                                (binding.count ? store::bound_to_count : 0));
    end();
  }

  void failed(std::exception_ptr exception) override {
    result_ = describe(exception);
    record_.outcome = store::Outcome::failed;
    ++report_.failed;
    if (report_.failures.size() < failures_kept)
      report_.failures.emplace_back(record_.index, shortened(result_));
    end();
  }

  std::uint64_t task_count() const override { return task_count_; }
  ChunkReport& report() { return report_; }

 private:
  void end() {
    record_.payload = result_;
    recorder_.end(record_);
    ++report_.tasks;
    // A huge result's buffer is not kept for all tiny ones that may follow.
    if (result_.capacity() > (std::size_t{1} << 24)) std::string().swap(result_);
  }

  Chunk& chunk_;
  std::uint64_t task_count_;
  Recorder& recorder_;
  detail::Reader arguments_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>>::const_iterator attempt_;
  std::size_t range_ = 0;
  std::uint64_t at_ = 0;
  store::Record record_;
  std::string result_;
  ChunkReport report_;
};

}  // namespace

ChunkReport run_chunk(Chunk& chunk, const detail::MapCall& call, std::uint64_t task_count,
                      Recorder& recorder) {
  ChunkSteps steps(chunk, task_count, recorder);
  const auto before = Recorder::Clock::now();
  call.execute(steps);
  recorder.flush();
  steps.report().busy = Recorder::Clock::now() - before;
  return std::move(steps.report());
}

}  // namespace tasker::execute
