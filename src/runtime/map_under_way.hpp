#pragma once

namespace tasker::runtime {

/// A map, from its begin to its end: as long as this lives, exit and quick_exit don't end the process as if
/// nothing was missing. That is said, what tasks have ended is recorded, and the exit code is exit_failed.
class MapUnderWay {
 public:
  MapUnderWay();
  ~MapUnderWay();
  MapUnderWay(const MapUnderWay&) = delete;
  MapUnderWay& operator=(const MapUnderWay&) = delete;
};

}  // namespace tasker::runtime
