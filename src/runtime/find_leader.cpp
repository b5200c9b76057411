#include "runtime/find_leader.hpp"

#include "base/process.hpp"
#include "base/sleep.hpp"
#include "store/key.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// How long to wait for a run that is about to hold the directory, before another look.
constexpr auto until_held = 20ms;
/// How long one attempt to reach another host may take.
constexpr auto time_to_connect = 5s;
/// After so many attempts a run that lives counts as one that can't be reached.
constexpr int most_attempts = 3;

std::chrono::milliseconds lost_after(const RootMap& map) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(map.call.options.lost_after);
}

/// Connects to a run on another host. Throws Held if that was tried in vain again and again.
std::optional<talk::Connection> connect_to_host(RootMap& map, const store::Held& held) {
  const auto& directory = map.workspace().directory();
  const store::Holder& holder = held.by().holder;
  std::string why = fmt::format("it can't be reached at {}", fmt::join(holder.addresses, ", "));
  try {
    const auto key = store::read_key(directory);
    if (!key) throw SystemError("there is no key in the directory");
    auto connection =
        talk::connect_to(holder.addresses, *key, lost_after(map), Clock::now() + time_to_connect);
    if (connection) return connection;
  } catch (const SystemError& error) {
    why = error.what();
  }
  if (++map.attempts[holder.run] >= most_attempts) throw store::Held(directory, held.by(), why);
  return std::nullopt;
}

}  // namespace

std::optional<talk::Connection> connect(RootMap& map, const store::Held& held) {
  const store::Holder& holder = held.by().holder;
  const bool is_here = base::life_of(holder.process) != base::Life::unknown;
  std::optional<talk::Connection> connection;
  if (held.by().holds) {
    if (map.call.options.join == Joining::never || (is_here ? holder.gate.empty() : holder.addresses.empty()))
      throw held;
    connection =
        is_here
            ? talk::connect_to(store::fence_path(map.workspace().directory(), holder.run) / store::gate_name)
            : connect_to_host(map, held);
  }
  if (!connection) base::sleep_until(Clock::now() + until_held);
  return connection;
}

std::optional<talk::Connection> connect(const RootMap& map, const store::Ticket& ticket,
                                        const std::vector<std::string>& others) {
  std::vector<std::string> addresses = ticket.addresses;
  addresses.insert(addresses.end(), others.begin(), others.end());
  return talk::connect_to(addresses, ticket.key, lost_after(map), Clock::now() + time_to_connect);
}

Leader find_by_ticket(RootMap& map) {
  const std::string& path = map.call.options.ticket;
  const store::Ticket ticket = store::read_ticket(path);
  const Time give_up = Clock::now() + patience_without_leader;
  int refusals = 0;
  for (;;) {
    map.time.look(Clock::now());
    if (map.time.stopped())
      throw Interrupted(fmt::format("{} was stopped {}", map.name, map.time.reason(Clock::now())));
    try {
      if (auto connection = connect(map, ticket, {})) return {std::move(*connection), {}, ticket};
    } catch (const DamagedError&) {
      if (++refusals >= most_attempts)
        throw UsageError(
            fmt::format("the ticket {} is refused at {}: it is an old one, or somebody else "
                        "listens there; `tasker invite DIRECTORY` on {} writes a new one",
                        path, fmt::join(ticket.addresses, ", "), ticket.host));
    }
    if (Clock::now() >= give_up)
      throw Interrupted(
          fmt::format("nobody leads where the ticket {} invites to ({}); run the same command "
                      "again when a run on {} does",
                      path, fmt::join(ticket.addresses, ", "), ticket.host));
    auto watched = map.time.watched();
    base::sleep_until(Clock::now() + between_attempts, watched);
  }
}

}  // namespace tasker::runtime
