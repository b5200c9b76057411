#pragma once

#include "store/fence.hpp"
#include "talk/handshake.hpp"

#include <filesystem>
#include <optional>

/// The key of a directory, which all its leaders share: runs on other hosts prove to have it before they may
/// join. Who may write to the directory may read it.
namespace tasker::store {

/// The key; nothing if there is none, or it is damaged. Throws SystemError if it can't be read.
std::optional<talk::Key> read_key(const std::filesystem::path& directory);
/// The key of the fence's directory. Makes one if there is none. Throws like Fence.
talk::Key make_key(const Fence& fence);

}  // namespace tasker::store
