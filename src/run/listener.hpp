#pragma once

#include "execute/horizon.hpp"
#include "run/comm.hpp"
#include "run/desk.hpp"
#include "run/messages.hpp"

#include <optional>
#include <span>

namespace tasker::runtime {

/// The talking side of a worker during a map: what it hears goes to the desk, what comes from the desk is
/// sent.
class Listener {
 public:
  Listener(Comm& comm, Desk& desk, execute::Horizon& horizon) : comm_(comm), desk_(desk), horizon_(horizon) {}

  /// Talks until rank 0 has ended the map. Never throws: the reason to stop is in the result.
  End listen();
  /// One turn of that: waits, asleep, for something to say or to hear, for one of `watched` or until
  /// `deadline`; the map's end, if that was heard.
  std::optional<End> hear(std::span<pollfd> watched = {}, Time deadline = Time::max());

 private:
  std::optional<End> handle(const Envelope& envelope);
  void stop();
  void send_messages();
  bool try_to_tell(const End& trouble);
  Comm& comm_;
  Desk& desk_;
  execute::Horizon& horizon_;
};

}  // namespace tasker::runtime
