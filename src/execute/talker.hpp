#pragma once

#include "execute/desk.hpp"
#include "talk/comm.hpp"
#include "talk/messages.hpp"

#include <optional>

namespace tasker::execute {

/// Talks to rank 0 during a map, on any other rank, while that rank's main thread executes chunks.
class Talker {
 public:
  Talker(talk::Comm& comm, Desk& desk) : comm_(comm), desk_(desk) {}

  /// Talks until rank 0 ends the map. Never throws: if it has to stop early, the result says why.
  talk::End until_end();
  /// One turn of `until_end`: sleeps until there is something to say or to hear. Returns the map's end if
  /// rank 0 has sent that.
  std::optional<talk::End> turn();

 private:
  bool try_to_tell(const talk::Thrown& thrown);
  talk::Comm& comm_;
  Desk& desk_;
};

}  // namespace tasker::execute
