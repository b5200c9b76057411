#include "store/info.hpp"

namespace tasker::store {

Info to_info(const FrameInfo& frame, std::uint32_t attempt, const Origin& origin) {
  Info info;
  info.attempts = attempt;
  info.start = std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::nanoseconds(frame.start)));
  info.duration = std::chrono::nanoseconds(frame.duration);
  info.cpu_time = std::chrono::nanoseconds(frame.cpu_time);
  info.memory_high_water = frame.memory;
  info.together = frame.records;
  info.host = origin.host;
  info.rank = origin.rank;
  return info;
}

}  // namespace tasker::store
