#include "execute/journal_sink.hpp"

#include "base/file.hpp"
#include "store/record.hpp"
#include "store/state.hpp"

#include <string>

namespace tasker::execute {

void JournalSink::write(const store::FrameInfo& info, std::string_view head, std::string_view tail) {
  journal_.append(info, head, tail);
  if (states_.empty()) return;
  const std::string body = std::string(head).append(tail);
  store::RecordReader records(body);
  while (const auto record = records.next()) {
    const auto state = states_.find(record->index);
    if (state == states_.end() || record->outcome != store::Outcome::done) continue;
    sync();
    if (base::file_exists(fence_)) store::remove_state(fence_.parent_path(), state->second);
    states_.erase(state);
  }
}

void JournalSink::save(const store::StateName& name, std::string_view state) {
  if (!base::file_exists(fence_)) return;
  store::write_state(fence_.parent_path(), name, state, power_);
  states_.insert_or_assign(name.index, name);
}

}  // namespace tasker::execute
