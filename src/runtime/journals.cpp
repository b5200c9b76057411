#include "runtime/journals.hpp"

#include "base/file.hpp"

#include <filesystem>

namespace tasker::runtime {

namespace {

talk::Start as_leader(talk::Start start) {
  start.run = start.leader;
  start.rank = store::JournalName::leader;
  return start;
}

}  // namespace

Journals::Journals(const talk::Start& start, const detail::MapCall& call, const Arguments& arguments,
                   const Workspace& workspace)
    : call_(call),
      arguments_(arguments),
      workspace_(workspace),
      own_(as_leader(start), call, workspace.fingerprinter(), [id = start.leader] { return id; }) {}

bool Journals::know(int peer, const talk::Ready& who) {
  talk::Start& start = starts_.at(peer);
  if (who.leader != start.leader) return false;
  if (who.sees_directory) start.sequence = who.sequence;
  return true;
}

void Journals::write(int rank, const talk::Ready& who, std::string_view frame) {
  auto journal = journals_.find(rank);
  if (journal == journals_.end())
    journal = journals_
                  .emplace(rank, execute::journal_of(starts_.at(rank), call_, workspace_.fingerprinter(),
                                                     who.host, who.build))
                  .first;
  journal->second.append_bytes(frame);
}

void Journals::sync(int rank) {
  const auto journal = journals_.find(rank);
  if (call_.options.durability == Durability::power && journal != journals_.end()) journal->second.sync();
}

base::IntervalSet Journals::recorded(int rank, const base::IntervalSet& tasks) const {
  base::IntervalSet found;
  const std::filesystem::path& directory = workspace_.directory();
  const store::JournalName name = execute::journal_name(starts_.at(rank));
  if (tasks.empty() || !base::file_exists(directory / name.to_string())) return found;
  const store::JournalReader journal(directory, name);
  store::FrameReader frames = journal.frames();
  while (const auto frame = frames.next())
    for (std::uint32_t i = 0; i < frame->records(); ++i)
      if (const store::Record record = (*frame)[i];
          record.outcome == store::Outcome::done && tasks.contains(record.index))
        found.insert({record.index, record.index + 1});
  return found;
}

void Journals::record(store::Record attempt, Clock::duration lasted) {
  const std::string argument = arguments_[attempt.index];
  attempt.argument = argument;
  execute::Recorder(own_, workspace_.fingerprinter(), call_.options.keep_arguments).add(attempt, lasted);
  own_.sync();
}

void Journals::close() {
  own_.close();
  for (auto& [rank, journal] : journals_) journal.close();
}

}  // namespace tasker::runtime
