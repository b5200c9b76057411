#pragma once

#include "base/clock.hpp"
#include "execute/desk.hpp"
#include "execute/horizon.hpp"
#include "talk/comm.hpp"
#include "talk/messages.hpp"

#include <optional>
#include <span>

namespace tasker::execute {

using base::Time;

/// The talking side of a worker during a map: what it hears goes to the desk, what comes from the desk is
/// sent.
class Listener {
 public:
  Listener(talk::Comm& comm, Desk& desk, Horizon& horizon) : comm_(comm), desk_(desk), horizon_(horizon) {}

  /// Talks until rank 0 has ended the map. Never throws: the reason to stop is in the result.
  talk::End listen();
  /// One turn of that: waits, asleep, for something to say or to hear, for one of `watched` or until
  /// `deadline`; the map's end, if that was heard.
  std::optional<talk::End> hear(std::span<pollfd> watched = {}, Time deadline = Time::max());

 private:
  std::optional<talk::End> handle(const talk::Envelope& envelope);
  void stop();
  void send_messages();
  bool try_to_tell(const talk::End& trouble);
  talk::Comm& comm_;
  Desk& desk_;
  Horizon& horizon_;
};

}  // namespace tasker::execute
