#include "execute/chunk.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <barrier>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace tasker::execute {
namespace {

Chunk chunk_of(std::uint64_t tasks) { return Chunk({1, {{0, tasks}}}, ""); }

std::uint64_t start_all(Chunk& chunk) {
  std::uint64_t started = 0;
  while (chunk.start()) ++started;
  return started;
}

TEST_CASE("As many tasks are started as there are, over all ranges") {
  Chunk chunk({7, {{0, 3}, {10, 12}}, {{11, 2}}}, "arguments");
  CHECK(chunk.id() == 7);
  CHECK(chunk.kept() == 5);
  CHECK(start_all(chunk) == 5);
  CHECK(chunk.kept() == 5);
  Chunk none({8, {}}, "");
  CHECK_FALSE(none.start());
}

TEST_CASE("A take-back takes half of what is not started, rounded up") {
  const auto [tasks, started, kept] = GENERATE(table<std::uint64_t, std::uint64_t, std::uint64_t>({
      {10, 0, 5},
      {9, 0, 4},
      {1, 0, 0},
      {10, 3, 6},
      {10, 9, 9},
      {10, 10, 10},
  }));
  Chunk chunk = chunk_of(tasks);
  for (std::uint64_t i = 0; i < started; ++i) REQUIRE(chunk.start());
  CHECK(chunk.take_back() == kept);
  CHECK(chunk.kept() == kept);
  CHECK(start_all(chunk) == kept - started);
}

TEST_CASE("A chunk outlives what it shared, and nothing more of it is started") {
  Chunk chunk = chunk_of(10);
  {
    detail::SharedClaims shared;
    chunk.share(shared);
    REQUIRE(chunk.start());
    chunk.end_sharing();
    shared = detail::Claims{0, 10};
  }
  CHECK_FALSE(chunk.start());
  chunk.revoke();
  CHECK_FALSE(chunk.start());
}

TEST_CASE("A take-back may come while a chunk begins to share its state") {
  for (int round = 0; round < 1000; ++round) {
    Chunk chunk = chunk_of(10);
    detail::SharedClaims shared;
    std::barrier both(2);
    std::thread talking([&] {
      both.arrive_and_wait();
      chunk.take_back();
    });
    both.arrive_and_wait();
    chunk.share(shared);
    talking.join();
    REQUIRE(start_all(chunk) == chunk.kept());
  }
}

TEST_CASE("Take-backs in a row leave what is started, and nothing else") {
  Chunk chunk = chunk_of(100);
  REQUIRE(chunk.start());
  std::uint64_t kept = 100;
  while (kept > 1) {
    const std::uint64_t fewer = chunk.take_back();
    REQUIRE(fewer < kept);
    kept = fewer;
  }
  CHECK(chunk.take_back() == 1);
  CHECK_FALSE(chunk.start());
}

TEST_CASE("After a revoke nothing is started") {
  Chunk chunk = chunk_of(100);
  for (int i = 0; i < 3; ++i) REQUIRE(chunk.start());
  chunk.revoke();
  CHECK_FALSE(chunk.start());
  CHECK(chunk.kept() == 3);
  CHECK(chunk.take_back() == 3);
}

TEST_CASE("A start and a take-back never both win, whatever the two threads do at the same time") {
  constexpr std::size_t rounds = 1000;
  std::mt19937 random(1);
  std::vector<std::unique_ptr<Chunk>> chunks;
  for (std::size_t round = 0; round < rounds; ++round)
    chunks.push_back(
        std::make_unique<Chunk>(talk::Assignment{round, base::Ranges{{0, 1 + random() % 20000}}}, ""));
  std::vector<std::uint64_t> started(rounds);
  std::vector<std::uint64_t> kept(rounds);
  std::atomic<std::size_t> begun = 0;  // rounds
  std::barrier both(2);
  std::thread executing([&] {
    for (std::size_t round = 0; round < rounds; ++round) {
      both.arrive_and_wait();
      started[round] = chunks[round]->start() ? 1 : 0;
      begun = round + 1;
      started[round] += start_all(*chunks[round]);
    }
  });
  bool never_more = true;
  for (std::size_t round = 0; round < rounds; ++round) {
    both.arrive_and_wait();
    while (begun <= round) {  // so that starts go on meanwhile
    }
    kept[round] = chunks[round]->kept();
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t now = chunks[round]->take_back();
      never_more = never_more && now <= kept[round];
      kept[round] = now;
    }
  }
  executing.join();
  CHECK(never_more);
  // The last answer holds: exactly so many are started.
  CHECK(started == kept);
}

}  // namespace
}  // namespace tasker::execute
