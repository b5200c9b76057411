#pragma once

#include "store/fingerprint.hpp"
#include "store/journal.hpp"
#include "talk/messages.hpp"

#include <tasker/detail/call.hpp>

#include <string>

namespace tasker::execute {

/// The name of a rank's journal in this run; or of `JournalName::leader`.
store::JournalName journal_name(const talk::Start& start, int rank);

/// That journal, for its one writer. `host` and `build`: where, and by which program, its tasks are computed.
store::JournalWriter journal_of(const talk::Start& start, const detail::MapCall& call,
                                const store::Fingerprinter& fingerprint, int rank, const std::string& host,
                                const std::string& build);

}  // namespace tasker::execute
