#include "talk/peers.hpp"

#include "base/event.hpp"
#include "support/fake_comm.hpp"
#include "support/store_fixture.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace tasker::talk {
namespace {

using namespace std::chrono_literals;

struct Local final : LocalPeer {
  void hear(std::string message) override { heard.push_back(std::move(message)); }
  std::vector<std::string> take_messages() override {
    event.clear();
    return std::exchange(to_say, {});
  }
  int fd() const override { return event.fd(); }
  void say(const std::string& message) {
    to_say.push_back(message);
    event.set();
  }
  base::Event event;
  std::vector<std::string> heard;
  std::vector<std::string> to_say;
};

TEST_CASE("What this process says is heard like what others say, in order") {
  test::FakeNetwork network(3);
  Peers peers(&network.comm(0));
  Local local;
  peers.take(local);
  local.say("a");
  local.say("b");
  network.comm(2).send(0, "c");
  network.deliver(2, 0);
  std::vector<std::pair<int, std::string>> heard;
  for (int i = 0; i < 3; ++i) {
    const auto envelope = peers.wait(Time::max());
    REQUIRE(envelope);
    heard.emplace_back(envelope->source, envelope->bytes);
  }
  CHECK(heard == decltype(heard){{Peers::self, "a"}, {Peers::self, "b"}, {2, "c"}});
  peers.send(Peers::self, "d");
  CHECK(local.heard == std::vector<std::string>{"d"});
  peers.let_go();
  peers.send(Peers::self, "e");  // nobody is there
  CHECK(local.heard.size() == 1);
}

TEST_CASE("All that was heard of a run that is gone is told at once, though its connection is no more") {
  const test::TemporaryDirectory home;
  Gate gate(home.path() / "gate");
  Peers peers(nullptr);
  peers.open(gate);
  auto run = *connect_to(home.path() / "gate");
  run.send(Connection::whole_run, "join");
  std::optional<Envelope> joins;
  while (!joins) joins = peers.wait(base::Clock::now() + 10s);
  const int number = joins->source;
  const int ranks_at = gate.admit(number, 3).value();
  run.close();
  const auto begin = base::Clock::now();
  for (const int source : {ranks_at, ranks_at + 1, ranks_at + 2, number}) {
    const auto envelope = peers.wait(begin + 10s);
    REQUIRE(envelope);
    CHECK(envelope->lost);
    CHECK(envelope->source == source);
  }
  CHECK(base::Clock::now() < begin + 5s);
  peers.close();
}

TEST_CASE("A rank that is gone is none of the others") {
  test::FakeNetwork network(4);
  Peers peers(&network.comm(0));
  CHECK(peers.others() == std::set<int>{1, 2, 3});
  CHECK_FALSE(peers.any_lost());
  network.lose(2);
  const auto envelope = peers.wait(Time::max());
  REQUIRE(envelope);
  CHECK(envelope->lost);
  CHECK(peers.others() == std::set<int>{1, 3});
  CHECK(peers.any_lost());
  peers.send_to_others("x");
  CHECK(network.under_way(0, 1).size() == 1);
  CHECK(network.under_way(0, 2).empty());
}

TEST_CASE("Alone it waits for this process, for what is watched, or for a time") {
  Peers peers(nullptr);
  CHECK(peers.others().empty());
  CHECK_FALSE(peers.wait(base::Clock::now() + 1ms));
  const base::Event event;
  event.set();
  pollfd watched{event.fd(), POLLIN, 0};
  CHECK_FALSE(peers.wait(Time::max(), {&watched, 1}));
  CHECK(watched.revents != 0);
  Local local;
  peers.take(local);
  local.say("a");
  CHECK(peers.wait(Time::max())->bytes == "a");
}

}  // namespace
}  // namespace tasker::talk
