#pragma once

#include "store/archive.hpp"
#include "store/fence.hpp"
#include "store/paths.hpp"

#include <cstdint>
#include <vector>

namespace tasker::store {

/// Collects the valid frames of many journals in a single new one, then removes them. Killed at any step, it
/// leaves all records readable. The journals must have no writer any more. Returns how many damaged bytes it
/// left behind.
std::uint64_t fold_journals(const Fence& fence, const std::vector<JournalName>& journals);

/// Removes journals that a killed fold had collected already.
void remove_folded(const Fence& fence);

/// Turns an archive into a journal of the directory, so that there is one way to reuse records, and removes
/// the journals that the archive was made from; done only once per archive. Returns how many results it had
/// to leave behind because they are damaged (then those journals stay).
std::uint64_t import_archive(const Fence& fence, const Archive& archive);

}  // namespace tasker::store
