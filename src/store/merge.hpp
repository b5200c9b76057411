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
/// what it was before or the complete new archive. The slots become its tasks (failed and missing ones become
/// holes), the strays its carried results. Memory is bounded: one section is written after the other. `id`
/// tells this archive from all others.
///
/// Throws SystemError, before it begins, if the disk has not enough space. Throws MismatchError, and throws
/// away what was merged, if there is anything at `file` but the archive with the id `replaces`.
Description merge(const Catalog& catalog, const Fence& fence, const std::filesystem::path& file,
                  const Manifest& manifest, bool keep_arguments, std::optional<std::uint64_t> replaces,
                  std::uint64_t id = base::random_id());

/// Removes the journals named in `merged`, and everything else if no other journals are in the directory.
/// Returns whether nothing but fences is left in it.
bool remove_merged(const Fence& fence, const std::vector<std::string>& merged);

}  // namespace tasker::store
