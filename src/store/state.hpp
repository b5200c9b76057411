#pragma once

#include "store/paths.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

/// The state that a task under way has saved, in a file of its own until the task is done: there are no more
/// of them than tasks are under way, were interrupted, or have failed.
namespace tasker::store {

/// Replaces the state that was there, whole or not at all. Throws SystemError if the disk fails. With `sync`
/// it survives a loss of power.
void write_state(const std::filesystem::path& directory, const StateName& name, std::string_view state,
                 bool sync);
/// Nothing if there is none, or it is damaged: then the task begins anew.
std::optional<std::string> read_state(const std::filesystem::path& directory, const StateName& name);
void remove_state(const std::filesystem::path& directory, const StateName& name);

}  // namespace tasker::store
