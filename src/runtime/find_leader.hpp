#pragma once

#include "runtime/root_map.hpp"
#include "store/hold.hpp"
#include "store/ticket.hpp"
#include "talk/connection.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tasker::runtime {

/// The run that leads, and how this one has found it.
struct Leader {
  talk::Connection connection;
  /// The run that holds the directory; nothing if this run has a ticket instead.
  std::optional<store::Held> held = {};
  std::optional<store::Ticket> ticket = {};
};

/// How long a run with a ticket waits for one that leads, and how long between two attempts to connect.
inline constexpr std::chrono::seconds patience_without_leader{60};
inline constexpr std::chrono::seconds between_attempts{1};

/// Connects to the run that holds the directory; nothing if that run is gone, or does not hold it yet. Throws
/// Held if this run can't join it.
std::optional<talk::Connection> connect(RootMap& map, const store::Held& held);

/// Connects to a run that leads where the ticket says, or at one of those other addresses; nothing if there
/// is none. Throws DamagedError if somebody is there who does not have the ticket's key.
std::optional<talk::Connection> connect(const RootMap& map, const store::Ticket& ticket,
                                        const std::vector<std::string>& others);

/// Waits for a run that leads where the ticket says that the options name. Throws as `join_by_ticket`.
Leader find_by_ticket(RootMap& map);

}  // namespace tasker::runtime
