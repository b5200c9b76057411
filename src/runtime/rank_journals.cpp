#include "runtime/rank_journals.hpp"

#include "base/process.hpp"
#include "runtime/attempt.hpp"

namespace tasker::runtime {

RankJournals::RankJournals(const Workspace& workspace, const detail::MapCall& call,
                           const Arguments& arguments)
    : workspace_(workspace),
      call_(call),
      arguments_(arguments),
      power_(call.options.durability == Durability::power),
      own_(workspace.journal(store::JournalName::leader, base::this_process().host, base::build_id()),
           workspace.fence_path(), power_) {}

MasterStore RankJournals::store() {
  return {[this](std::uint64_t index) { return workspace_.attempt_of(index); },
          [this](int rank, const talk::Ready& who, std::string_view frame) { write(rank, who, frame); },
          [this](int rank) { sync(rank); },
          [this](int rank, const base::IntervalSet& tasks) { return workspace_.recorded(rank, tasks); },
          [this](const Attempt& attempt) {
            record_attempt(attempt, arguments_[attempt.index], workspace_, call_, own_);
          }};
}

void RankJournals::write(int rank, const talk::Ready& who, std::string_view frame) {
  journals_.try_emplace(rank, workspace_.journal(rank, who.host, who.build))
      .first->second.append_built(frame);
}

void RankJournals::sync(int rank) {
  if (const auto journal = journals_.find(rank); power_ && journal != journals_.end()) journal->second.sync();
}

void RankJournals::close() {
  own_.close();
  for (auto& [rank, journal] : journals_) journal.close();
}

}  // namespace tasker::runtime
