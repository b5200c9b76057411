#pragma once

#include "execute/desk.hpp"
#include "talk/comm.hpp"
#include "talk/local_peer.hpp"
#include "talk/messages.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tasker::execute {

/// The talking side of a worker during a map: what rank 0 says goes to the desk.
class Listener final : public talk::LocalPeer {
 public:
  explicit Listener(Desk& desk) : desk_(desk) {}

  /// Throws DamagedError for what rank 0 does not say to workers.
  void hear(std::string message) override;
  std::vector<std::string> take_messages() override { return desk_.take_messages(); }
  int fd() const override { return desk_.fd(); }

 private:
  Desk& desk_;
};

/// Talks to rank 0 during a map, on another rank, for whoever executes at its desk.
class Talker {
 public:
  Talker(talk::Comm& comm, Desk& desk) : comm_(comm), desk_(desk), listener_(desk) {}

  /// Talks until rank 0 has ended the map. Never throws: the reason to stop is in the result.
  talk::End until_end();
  /// One turn of that: waits, asleep, for something to say or to hear; the map's end, if that was heard.
  std::optional<talk::End> turn();

 private:
  bool try_to_tell(const talk::Thrown& thrown);
  talk::Comm& comm_;
  Desk& desk_;
  Listener listener_;
};

}  // namespace tasker::execute
