#include "tool/leader.hpp"

#include "base/file.hpp"
#include "base/sleep.hpp"
#include "store/key.hpp"
#include "talk/connection.hpp"

#include <chrono>

namespace tasker::tool {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto time_to_answer = 5s;
constexpr auto longest_silence = 10s;

std::optional<talk::Connection> connect(const fs::path& directory, const store::Holder& leader,
                                        base::Time deadline) {
  if (base::life_of(leader.process) != base::Life::unknown)
    return leader.gate.empty()
               ? std::nullopt
               : talk::connect_to(store::fence_path(directory, leader.run) / store::gate_name);
  const auto key = store::read_key(directory);
  return key ? talk::connect_to(leader.addresses, *key, longest_silence, deadline) : std::nullopt;
}

}  // namespace

fs::path directory_named(const std::string& name) {
  const fs::path path = base::absolute(name);
  return base::is_directory(path) ? path : store::directory_of(path);
}

std::optional<store::Seen> holder_of(const fs::path& directory) {
  for (const std::string& run : store::list_fences(directory))
    if (const auto seen = store::read_holder(store::holder_path(store::fence_path(directory, run)));
        seen && seen->holds)
      return seen;
  return std::nullopt;
}

std::optional<std::string> ask_leader(const fs::path& directory, const store::Holder& leader,
                                      const std::string& question) {
  const base::Time deadline = base::Clock::now() + time_to_answer;
  auto connection = connect(directory, leader, deadline);
  if (!connection) return std::nullopt;
  connection->send(talk::Connection::whole_run, question);
  for (;;) {
    connection->flush();
    if (auto said = connection->receive()) return std::move(said->message);
    if (connection->has_ended()) return std::nullopt;
    pollfd watched{connection->fd(), POLLIN, 0};
    if (base::sleep_until(deadline, {&watched, 1})) return std::nullopt;
  }
}

}  // namespace tasker::tool
