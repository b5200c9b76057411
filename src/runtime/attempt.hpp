#pragma once

#include "base/clock.hpp"
#include "execute/recorder.hpp"
#include "runtime/workspace.hpp"
#include "talk/comm.hpp"

#include <tasker/detail/call.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace tasker::runtime {

using base::Clock;

/// An attempt that ended without a result, and without anyone who could record that but rank 0.
struct Attempt {
  std::uint64_t index = 0;
  std::uint32_t number = 1;
  store::Outcome outcome = store::Outcome::none;
  std::string why;
  Clock::duration lasted{0};
};

/// One that was given up since the time is up, when it had lasted so long at least.
Attempt interruption(std::uint64_t index, std::uint32_t number, Clock::duration lasted);

/// `argument`: of its task.
void record_attempt(const Attempt& attempt, std::string_view argument, const Workspace& workspace,
                    const detail::MapCall& call, execute::FrameSink& sink);

}  // namespace tasker::runtime
