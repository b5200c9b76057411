#pragma once

#include "talk/tally.hpp"

#include <tasker/error.hpp>

#include <cstdint>
#include <string>

namespace tasker::runtime {

/// The exception that tells of those that failed, in a map of `count` tasks on the path `name`.
TasksFailed tasks_failed(const talk::Tally& tally, const std::string& name, std::uint64_t count,
                         std::uint64_t reused);

}  // namespace tasker::runtime
