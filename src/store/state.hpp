#pragma once

#include "store/paths.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

/// States: what tasks under way have saved, each in a file of its own until the task is done. There are at
/// most as many as there are tasks under way, interrupted or failed.
namespace tasker::store {

/// Replaces the task's state as a whole or not at all. Throws SystemError if the disk fails. With `sync` the
/// new state survives a loss of power.
void write_state(const std::filesystem::path& directory, const StateName& name, std::string_view state,
                 bool sync);
/// Reads the task's state; nothing if there is none, or if it is damaged: then the task begins anew.
std::optional<std::string> read_state(const std::filesystem::path& directory, const StateName& name);
void remove_state(const std::filesystem::path& directory, const StateName& name);

}  // namespace tasker::store
