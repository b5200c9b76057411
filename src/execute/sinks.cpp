#include "execute/sinks.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/process.hpp"
#include "store/state.hpp"

#include <algorithm>
#include <utility>

namespace tasker::execute {

store::JournalName journal_name(const talk::Start& start) {
  store::JournalName name{start.sequence, 0, start.rank};
  base::from_hex(start.run, name.id);
  return name;
}

store::JournalWriter journal_of(const talk::Start& start, const detail::MapCall& call,
                                const store::Fingerprinter& fingerprint, const std::string& host,
                                const std::string& build) {
  const store::JournalName name = journal_name(start);
  const store::Origin origin{start.run,   start.sequence, std::max(start.rank, 0), host, build,
                             start.tasks, start.job,      fingerprint.digest()};
  return {std::filesystem::path(start.directory) / name.to_string(),
          name.id,
          {store::manifest_of(call, start.tasks, fingerprint.digest()), {origin}}};
}

JournalSink::JournalSink(const talk::Start& start, const detail::MapCall& call,
                         const store::Fingerprinter& fingerprint, std::function<std::string()> leader)
    : journal_(journal_of(start, call, fingerprint, base::this_process().host, base::build_id())),
      directory_(start.directory),
      leader_(std::move(leader)),
      power_(start.options.durability == Durability::power) {}

void JournalSink::write(const store::FrameParts& parts) {
  journal_.append(parts);
  if (states_.empty()) return;
  const std::string bytes = store::to_bytes(parts, 0);
  const auto frame = store::Frame::at(bytes);
  for (std::uint32_t i = 0; i < frame->records(); ++i) {
    const store::Record record = (*frame)[i];
    const auto state = states_.find(record.index);
    if (state == states_.end() || record.outcome != store::Outcome::done) continue;
    sync();
    if (may_touch_states()) store::remove_state(directory_, state->second);
    states_.erase(state);
  }
}

void JournalSink::save(const store::StateName& name, std::string_view state) {
  if (!may_touch_states()) return;
  store::write_state(directory_, name, state, power_);
  states_.insert_or_assign(name.index, name);
}

void JournalSink::sync() {
  if (power_) journal_.sync();
}

void MailSink::write(const store::FrameParts& frame) {
  while (waits_ && !desk_.has_credit()) desk_.wait();
  std::string message = talk::pack(talk::Records{});
  store::append(message, frame, seed_);
  desk_.post_frame(std::move(message));
}

}  // namespace tasker::execute
