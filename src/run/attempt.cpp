#include "run/attempt.hpp"

#include <string_view>

namespace tasker::runtime {

Attempt interruption(std::uint64_t index, std::uint32_t number, Clock::duration lasted) {
  return {index, number, store::Outcome::interrupted, "interrupted: the time was up", lasted};
}

void record_attempt(const Attempt& attempt, const Workspace& workspace, const detail::MapCall& call,
                    execute::FrameSink& sink) {
  std::string argument;
  call.encode_arguments(attempt.index, attempt.index + 1, 1, argument);
  store::Record record;
  record.index = attempt.index;
  record.outcome = attempt.outcome;
  record.attempt = attempt.number;
  record.argument = std::string_view(argument).substr(sizeof(std::uint64_t));
  record.payload = attempt.why;
  execute::Recorder(sink, workspace.fingerprinter(), call.options.keep_arguments).add(record, attempt.lasted);
  sink.sync();
}

}  // namespace tasker::runtime
