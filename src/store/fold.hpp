#pragma once

#include "store/archive.hpp"
#include "store/fence.hpp"
#include "store/paths.hpp"

#include <cstdint>
#include <vector>

namespace tasker::store {

/// Collects the valid frames of many journals in a single new journal, then removes the old ones. If it is
/// killed at any step, all records stay readable. The old journals must have no writer any more. Returns how
/// many damaged bytes were not taken over.
std::uint64_t fold_journals(const Fence& fence, const std::vector<JournalName>& journals);

/// Removes the journals whose records a killed fold had collected already.
void remove_folded(const Fence& fence, const std::vector<JournalName>& journals);

/// Turns an archive into a journal of the directory, so that there is one way to reuse records, and removes
/// the journals that the archive was merged from. Does nothing if the archive's journal exists already.
/// Returns how many results were not taken over because they are damaged (then the old journals stay).
std::uint64_t import_archive(const Fence& fence, const Archive& archive);

}  // namespace tasker::store
