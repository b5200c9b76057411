#pragma once

#include <tasker/detail/call.hpp>

namespace tasker::runtime {

/// The call as rank 0 goes on with it: with an absolute path, since `fn` may change the working directory,
/// and with arguments that say of which map and task they are when they can't be made. Throws UsageError for
/// a path that can't be a file's.
detail::MapCall prepared(detail::MapCall call);

}  // namespace tasker::runtime
