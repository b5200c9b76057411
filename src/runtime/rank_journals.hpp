#pragma once

#include "execute/journal_sink.hpp"
#include "runtime/arguments.hpp"
#include "runtime/master.hpp"
#include "runtime/workspace.hpp"

#include <tasker/detail/call.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace tasker::runtime {

/// What rank 0 does in the directory for its workers: it writes the journals of those that don't see it, and
/// settles what those leave behind that are gone.
class RankJournals {
 public:
  RankJournals(const Workspace& workspace, const detail::MapCall& call, const Arguments& arguments);

  /// For the master; valid while this lives.
  MasterStore store();
  void close();

 private:
  void write(int rank, const talk::Ready& who, std::string_view frame);
  void sync(int rank);

  const Workspace& workspace_;
  const detail::MapCall& call_;
  const Arguments& arguments_;
  bool power_;
  execute::JournalSink own_;
  std::map<int, store::JournalWriter> journals_;
};

}  // namespace tasker::runtime
