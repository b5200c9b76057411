#pragma once

#include "store/hold.hpp"

#include <tasker/error.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace tasker::tool {

/// The directory of a map, of which a user has named that or the archive.
std::filesystem::path directory_named(const std::string& name);

/// The run that holds the directory, as far as the files tell: it may be dead. Nothing if there is none.
std::optional<store::Seen> holder_of(const std::filesystem::path& directory);

/// Asks the run that leads, on this host or another one, and returns its answer; nothing if it can't be
/// reached, or does not answer in time. Both are packed messages.
std::optional<std::string> ask_leader(const std::filesystem::path& directory, const store::Holder& leader,
                                      const std::string& question);

}  // namespace tasker::tool
