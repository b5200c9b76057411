#pragma once

#include "store/manifest.hpp"
#include "store/record.hpp"

#include <tasker/detail/result_source.hpp>

namespace tasker::store {

/// What `Results::info` returns, from a frame, an attempt and who made it.
Info to_info(const FrameInfo& frame, std::uint32_t attempt, const Origin& origin);

}  // namespace tasker::store
