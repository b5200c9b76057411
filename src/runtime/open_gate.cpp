#include "runtime/open_gate.hpp"

#include "execute/sees_directory.hpp"
#include "store/key.hpp"
#include "store/ticket.hpp"

#include <fmt/format.h>

namespace tasker::runtime {

namespace {

using How = talk::ListenAt::How;

talk::ListenAt listen_at(const RootMap& map) {
  return talk::parse_listen_at(map.call.options.listen).value();
}

bool wants_hosts(const RootMap& map, const store::Fence& fence) {
  const How how = listen_at(map).how;
  return how == How::tcp || (how == How::automatic && (map.listener || !map.call.options.invite.empty() ||
                                                       execute::may_be_shared(fence.directory())));
}

}  // namespace

std::vector<std::string> listen_to_hosts(RootMap& map, const store::Fence& fence) {
  const talk::ListenAt at = listen_at(map);
  if (at.how == How::unix_socket) throw UsageError("Options::listen says \"unix\"");
  if (!map.listener) map.listener.emplace(at);
  const auto addresses = map.listener->addresses();
  if (map.is_open_to_hosts) return addresses;
  const auto lost_after = std::chrono::duration_cast<std::chrono::milliseconds>(map.call.options.lost_after);
  const talk::Key key = store::make_key(fence);
  map.gate->listen(*map.listener, key, lost_after);
  map.is_open_to_hosts = true;
  map.reporter.say(fmt::format("runs on other hosts can join at {}", addresses.front()));
  if (const std::string& invite = map.call.options.invite; !invite.empty()) {
    store::write_ticket(invite, {map.self.process.host, addresses, key});
    map.reporter.say(fmt::format("a run that does not see the directory joins by TASKER_JOIN={}", invite));
  }
  return addresses;
}

void open_gate(RootMap& map, const store::Fence& fence, store::Holder& self) {
  if (listen_at(map).how == How::off) return;
  try {
    map.is_open_to_hosts = false;
    map.gate.emplace(fence.path() / store::gate_name);
    self.gate = store::gate_name;
    if (wants_hosts(map, fence)) self.addresses = listen_to_hosts(map, fence);
  } catch (const SystemError& error) {
    map.reporter.say(fmt::format("{} can join this one: {}",
                                 self.gate.empty() ? "no other run" : "no run on another host",
                                 error.what()));
  }
}

void listen_as_successor(RootMap& map) {
  const talk::ListenAt at = listen_at(map);
  if (map.listener || (at.how != How::tcp && at.how != How::automatic)) return;
  try {
    map.listener.emplace(at);
  } catch (const Error&) {
    // Then it listens when it leads, if it can, and others must find out where.
  }
}

}  // namespace tasker::runtime
