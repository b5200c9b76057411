#pragma once

#include "base/hash.hpp"
#include "store/archive_format.hpp"
#include "store/catalog.hpp"
#include "store/fence.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tasker::store {

/// Writes what `catalog` holds as the archive `file`, in one atomic step: whatever dies meanwhile, `file` is
/// what it was before or the complete new archive. Slots become its tasks (failed or missing ones holes),
/// strays are carried along. Streams, one section after the other. Throws SystemError if there is not room
/// enough, before it begins. Throws MismatchError, with what was merged thrown away, if anything is at `file`
/// but the archive with the id `replaces`. `id` names this archive among all others.
Description merge(const Catalog& catalog, const Fence& fence, const std::filesystem::path& file,
                  const Manifest& manifest, bool keep_arguments, std::optional<std::uint64_t> replaces,
                  std::uint64_t id = base::random_id());

/// Removes the journals named in `merged`, and all else if no other journals are in the directory. Returns
/// whether nothing is left there but fences.
bool remove_merged(const Fence& fence, const std::vector<std::string>& merged);

}  // namespace tasker::store
