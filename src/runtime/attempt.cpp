#include "runtime/attempt.hpp"

namespace tasker::runtime {

Attempt interruption(std::uint64_t index, std::uint32_t number, Clock::duration lasted) {
  return {index, number, store::Outcome::interrupted, "interrupted: the time was up", lasted};
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
