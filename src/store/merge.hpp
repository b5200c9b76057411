#pragma once

#include "base/hash.hpp"
#include "store/archive_format.hpp"
#include "store/catalog.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tasker::store {

/// Writes what `catalog` holds as the archive `file`, in one atomic step: whatever dies meanwhile, `file` is
/// what it was before or the complete new archive. Slots become its tasks (failed or missing ones holes),
/// strays are carried along. Streams, one section after the other. Throws SystemError if there is not room
/// enough, before it begins. `id` names this archive among all others.
Description merge(const Catalog& catalog, const std::filesystem::path& directory,
                  const std::filesystem::path& file, const Manifest& manifest, bool keep_arguments,
                  std::uint64_t id = base::random_id());

/// Removes the journals named in `merged`, and the directory with all else if no other journals are in it.
/// Returns whether the directory is gone.
bool remove_merged(const std::filesystem::path& directory, const std::vector<std::string>& merged);

}  // namespace tasker::store
