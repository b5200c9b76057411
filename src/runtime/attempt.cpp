#include "runtime/attempt.hpp"

#include <tasker/detail/bytes.hpp>

#include <stdexcept>

namespace tasker::runtime {

Attempt interruption(std::uint64_t index, std::uint32_t number, Clock::duration lasted) {
  return {index, number, store::Outcome::interrupted, "interrupted: the time was up", lasted};
}

std::string make_argument(const detail::MapCall& call, std::uint64_t index) {
  std::string argument;
  call.encode_arguments(index, index + 1, 1, argument);
  return argument.substr(sizeof(std::uint64_t));
}

std::string_view argument_in(const execute::Chunk& chunk, std::uint64_t index) {
  detail::Reader arguments(chunk.arguments());
  for (const base::Range& range : chunk.tasks())
    for (std::uint64_t task = range.first; task < range.last; ++task) {
      const std::string_view argument = arguments.bytes(arguments.number<std::uint64_t>());
      if (task == index) return argument;
    }
  throw std::out_of_range("a task that was not handed out");
}

void record_attempt(const Attempt& attempt, std::string_view argument, const Workspace& workspace,
                    const detail::MapCall& call, execute::FrameSink& sink) {
  store::Record record;
  record.index = attempt.index;
  record.outcome = attempt.outcome;
  record.attempt = attempt.number;
  record.argument = argument;
  record.payload = attempt.why;
  execute::Recorder(sink, workspace.fingerprinter(), call.options.keep_arguments).add(record, attempt.lasted);
  sink.sync();
}

}  // namespace tasker::runtime
