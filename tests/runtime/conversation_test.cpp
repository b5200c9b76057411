#include "support/conversation.hpp"

#include "base/process.hpp"
#include "runtime/progress.hpp"
#include "support/sample_messages.hpp"

#include <tasker/detail/make_call.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace tasker::runtime {
namespace {

using Catch::Contains;

TEST_CASE("Whatever happens first, no task is lost or done twice, done means recorded, and all are done") {
  test::Corners corners;
  for (unsigned seed = 1; seed <= 3000; ++seed) {
    INFO("seed " << seed);
    test::Conversation(seed, corners).run();
  }
  CHECK(corners.take_backs > 700);
  CHECK(corners.given_whole > 20);
  CHECK(corners.crossed > 100);
  CHECK(corners.cut > 100);
  CHECK(corners.stopped > 100);
  CHECK(corners.crashes > 1000);
  CHECK(corners.deaths > 500);
  CHECK(corners.found > 100);
  CHECK(corners.tried_again > 1000);
  CHECK(corners.pauses > 100);
}

/// Rank 0 in a map of ten tasks with workers that say what the test lets them say.
struct Rank0 : MasterStore {
  explicit Rank0(std::vector<std::string> texts = std::vector<std::string>(10, "argument"))
      : args(std::move(texts)),
        call(detail::make_call("a.dat", [](const std::string& text) { return text.size(); }, args, {})),
        scheduler(base::IntervalSet({0, args.size()})),
        master(peers, call.options, arguments, scheduler, tally, *this) {
    for (int rank = 1; rank <= 4; ++rank) {
      master.begin(rank, {});
      sent<talk::Start>(rank);
    }
  }

  void begin(int, const talk::Start&) override {}
  bool know(int, const talk::Ready&) override { return true; }
  bool any_attempts() const override { return true; }
  std::uint32_t attempt_of(std::uint64_t index) const override { return index == 1 ? 3 : 1; }
  void write(int, const talk::Ready&, std::string_view frame) override { frames.emplace_back(frame); }
  void sync(int rank) override { synced.push_back(rank); }
  base::IntervalSet recorded(int, const base::IntervalSet& tasks) const override {
    asked = tasks.size();
    base::IntervalSet found;
    for (const std::uint64_t index : by_ranks_gone)
      if (tasks.contains(index)) found.insert({index, index + 1});
    return found;
  }
  void record(store::Record attempt, Clock::duration lasted) override {
    given_up.push_back({attempt, lasted});
  }

  void hear_bytes(int rank, std::string bytes) {
    master.handle({rank, std::move(bytes)});
    master.dispatch(now);
  }
  template <class Message>
  void hear(int rank, const Message& message) {
    hear_bytes(rank, talk::pack(message));
  }
  void lose(int rank, bool silent = false) {
    network.lose(rank, silent);
    master.handle(*peers.wait(base::Time::max()));
    master.dispatch(now);
  }
  /// Lets the moment pass in which further deaths may have the same reason.
  void decide() {
    now += std::chrono::seconds(2);
    master.dispatch(now);
  }
  /// The oldest message that rank 0 has sent to this rank.
  template <class Message>
  Message sent(int rank) {
    network.deliver(0, rank);
    return test::front_of<Message>(network.comm(rank).wait(base::Time::max())->bytes, &arguments_sent);
  }

  base::Time now = base::Clock::now();
  std::vector<std::string> args;
  detail::MapCall call;
  test::FakeNetwork network{5};
  schedule::Scheduler scheduler;
  std::string arguments_sent;
  std::vector<std::string> frames;
  std::vector<int> synced;
  std::vector<std::uint64_t> by_ranks_gone;
  mutable std::uint64_t asked = 0;  // about so many tasks of theirs
  struct GivenUp {
    store::Record attempt;
    Clock::duration lasted;
  };
  std::vector<GivenUp> given_up;
  talk::Tally tally;
  talk::Peers peers{&network.comm(0)};
  Arguments arguments{call};
  Master master;
};

talk::Tally tally(std::uint64_t tasks, std::uint64_t failed = 0, std::int64_t busy = 1000) {
  return {tasks, failed, {}, std::chrono::nanoseconds(busy)};
}

talk::Ready ready_on(const std::string& host) { return {"", 1, true, host, "build", 1}; }
const talk::Ready sees{"", 1, true, "host", "build", 1};
const talk::Ready blind{"", 1, false, "host", "build", 1};

TEST_CASE("A worker gets its first task when it is ready, the next when it has done it") {
  Rank0 rank0;
  rank0.hear(1, sees);
  const auto first = rank0.sent<talk::Assignment>(1);
  CHECK(first.tasks == base::Ranges{{0, 1}});
  CHECK(first.tried.empty());
  rank0.hear(1, talk::Done{first.chunk, tally(1, 0, 1'000'000'000)});
  const auto second = rank0.sent<talk::Assignment>(1);
  CHECK(second.tasks == base::Ranges{{1, 2}});
  CHECK(second.tried == decltype(second.tried){{1, 3, 0}});
  CHECK(rank0.tally.tasks == 1);
  CHECK(rank0.network.under_way() == 0);
}

TEST_CASE("No message has much more than 128 KiB of arguments, and no task is forgotten for that") {
  Rank0 rank0(std::vector<std::string>(300, std::string(10'000, 'x')));
  rank0.hear(1, sees);
  std::size_t largest = 0;
  while (!rank0.scheduler.finished()) {
    const auto work = rank0.sent<talk::Assignment>(1);
    largest = std::max<std::size_t>(largest, base::count(work.tasks));
    REQUIRE(rank0.arguments_sent.size() == base::count(work.tasks) * 10'016);
    rank0.hear(1, talk::Done{work.chunk, tally(base::count(work.tasks), 0, 1000)});
  }
  CHECK(largest == 14);  // the one with which it is full is the last
  CHECK(rank0.scheduler.done_count() == 300);
}

TEST_CASE("Frames of a rank that does not see the directory are written before its chunk is done") {
  Rank0 rank0;
  rank0.hear(1, blind);
  const auto work = rank0.sent<talk::Assignment>(1);
  const std::string records = talk::pack(talk::Records{}) + "a frame";
  rank0.hear_bytes(1, records);
  CHECK(rank0.frames == std::vector<std::string>{"a frame"});
  CHECK(rank0.sent<talk::Recorded>(1).bytes == records.size());
  CHECK(rank0.synced.empty());
  rank0.hear(1, talk::Done{work.chunk, tally(1, 0, 1000)});
  CHECK(rank0.synced == std::vector<int>{1});
  CHECK(rank0.scheduler.done_count() == 1);
}

TEST_CASE("Failures of equal cause are one, whoever reports them") {
  talk::Tally all;
  all.add({10, 3, {{50, "a", 2, "later"}, {51, "b", 1, ""}}, std::chrono::seconds(1)});
  all.add({10, 4, {{1, "a", 3, "first"}, {60, "c", 1, ""}}, std::chrono::seconds(2)});
  CHECK(all.tasks == 20);
  CHECK(all.failed == 7);
  CHECK(all.busy == std::chrono::seconds(3));
  CHECK(all.failures == std::vector<TaskFailure>{{1, "a", 5, "first"}, {51, "b", 1, ""}, {60, "c", 1, ""}});
}

TEST_CASE("Of many causes the most frequent are told, in the order of their first tasks") {
  talk::Tally all;
  for (std::uint64_t i = 0; i < 20; ++i) all.add_failure({100 - i, std::to_string(i)});
  all.add({500, 500, {{200, "often", 400}, {85, "15", 100}}});
  const TasksFailed told = tasks_failed(all, "a.dat", 1000, 0);
  REQUIRE(told.first().size() == 8);
  CHECK(told.first()[0].message == "19");
  CHECK(told.first()[4].message == "15");
  CHECK(told.first()[4].count == 101);
  CHECK(told.first()[7].message == "often");
  CHECK_THAT(told.what(), Contains("520 of 1000 tasks failed\n  task 81: 19\n") &&
                              Contains("  400 tasks: often; first: task 200\n  and 13 more\n"));
  // Nobody makes rank 0 keep more and more of them.
  for (std::uint64_t i = 0; i < 1000; ++i) all.add_failure({1000 + i, std::to_string(1000 + i)});
  CHECK(all.failures.size() == 256);
}

TEST_CASE("A worker's trouble ends the map with the exception that fits it") {
  Rank0 rank0;
  rank0.hear(1, sees);
  CHECK_THROWS_AS(rank0.hear(1, talk::Trouble{{"system", exit_system, "No space left on device"}}),
                  SystemError);
  CHECK_THROWS_WITH(rank0.hear(2, talk::Trouble{{"system", exit_system, "No space left on device"}}),
                    "rank 2: No space left on device");
  for (const std::int32_t code : {exit_failed + 0, 0, 256, -1}) {  // that of a failure, whatever is said
    try {
      rank0.hear(1, talk::Trouble{{"error", code, "why"}});
      FAIL("it goes on");
    } catch (const Error& error) {
      CHECK(error.exit_code() == exit_failed);
      CHECK(dynamic_cast<const SystemError*>(&error) == nullptr);
    }
  }
}

TEST_CASE("A rank that leaves during a map ends it, with its message and exit code if it has one") {
  const auto [mine, seen] =
      GENERATE(table<int, int>({{0, exit_usage}, {7, 7}, {256, exit_usage}, {-1, exit_usage}}));
  Rank0 rank0;
  rank0.hear(1, sees);
  try {
    rank0.hear(1, talk::Leave{mine, "std::runtime_error: why"});
    FAIL("it goes on");
  } catch (const Error& error) {
    CHECK(error.exit_code() == seen);
    CHECK_THAT(error.what(), Contains("rank 1 left during a map: std::runtime_error: why"));
  }
}

TEST_CASE("What can't be true is damage, and is not believed") {
  Rank0 rank0;
  rank0.hear(1, sees);
  const schedule::ChunkId chunk = rank0.sent<talk::Assignment>(1).chunk;
  const auto refused = [&](int rank, const auto& message) {
    CHECK_THROWS_AS(rank0.master.handle({rank, talk::pack(message)}), DamagedError);
    CHECK_THROWS_WITH(rank0.master.handle({rank, talk::pack(message)}),
                      Contains("rank " + std::to_string(rank)));
    CHECK(rank0.scheduler.done_count() == 0);
    CHECK(rank0.scheduler.in_flight() == 1);
    CHECK(rank0.tally.tasks == 0);
    CHECK(rank0.frames.empty());
  };
  refused(1, sees);  // a second time
  refused(2, talk::Ready{"", 1, true, "host", "build", 1, UINT32_MAX});
  refused(2, talk::Ready{"", 1, true, "host", "build", 1, 0});
  refused(2, talk::Done{chunk, tally(1, 0, 1000)});  // never was ready
  refused(2, talk::Records{});
  refused(2, talk::Closed{});
  refused(1, talk::Closed{});                            // while it has work
  refused(1, talk::Done{chunk + 1, tally(1, 0, 1000)});  // an unknown chunk
  refused(1, talk::Done{chunk, tally(1, 0, -1)});        // less than no time
  refused(1, talk::Kept{chunk + 1, 0});
  refused(1, talk::Kept{chunk, 2});  // more than it has
  refused(1, talk::Finish{});        // what only rank 0 says
  refused(1, talk::Assignment{});
}

TEST_CASE("A report that does not fit its chunk is damage") {
  const talk::Done done =
      GENERATE(talk::Done{1, tally(2)}, talk::Done{1, tally(0)}, talk::Done{1, tally(1, 2)},
               talk::Done{1, {1, 0, {{0, "why"}}}},                     // more causes than failures
               talk::Done{1, tally(1), {{{0, 1}}}},                     // recorded, and left over
               talk::Done{1, tally(1), {{}, {{0, 1}}}},                 // a suspect that is not left over
               talk::Done{1, tally(0), {{{0, 1}}, {{0, 1ull << 40}}}},  // tasks that it never had
               talk::Done{1, tally(0), {{{0, 1}}, {}, {{1, 2}}}},       // tried what it never had
               talk::Done{1, tally(0), {{}, {}, {{0, 1}}}});            // more often than it may
  Rank0 rank0;
  rank0.hear(1, sees);
  REQUIRE(rank0.sent<talk::Assignment>(1).chunk == 1);
  CHECK_THROWS_AS(rank0.hear(1, done), DamagedError);
  CHECK(rank0.tally.tasks == 0);
}

TEST_CASE("A worker closes once, after the end of all work") {
  Rank0 rank0;
  rank0.hear(1, sees);
  while (!rank0.scheduler.finished()) {
    const auto work = rank0.sent<talk::Assignment>(1);
    rank0.hear(1, talk::Done{work.chunk, tally(base::count(work.tasks), 0, 1000)});
  }
  rank0.master.finish();
  rank0.hear(1, talk::Closed{});
  CHECK_FALSE(rank0.master.closed());
  CHECK_THROWS_AS(rank0.hear(1, talk::Closed{}), DamagedError);
  CHECK_FALSE(rank0.master.closed());
  rank0.hear(2, sees);  // late, which is no harm
  rank0.hear(2, talk::Closed{});
  CHECK_FALSE(rank0.master.closed());
  rank0.lose(3);  // who is gone has nothing to close
  rank0.lose(4);
  CHECK(rank0.master.closed());
}

TEST_CASE("What a rank that is gone had not recorded goes to others, one task at a time") {
  Rank0 rank0;
  rank0.hear(1, sees);
  rank0.hear(1, talk::Done{rank0.sent<talk::Assignment>(1).chunk, tally(1, 0, 1000)});
  // It has three tasks now, or more, in chunks that it has not reported; two are recorded.
  REQUIRE(rank0.scheduler.in_flight() > 2);
  rank0.by_ranks_gone = {1, 2};
  rank0.lose(1);
  rank0.decide();
  CHECK(rank0.scheduler.done_count() == 3);
  CHECK(rank0.tally.tasks == 3);
  CHECK_FALSE(rank0.master.closed());
  rank0.hear(2, sees);
  const auto again = rank0.sent<talk::Assignment>(2);
  CHECK(again.tasks == base::Ranges{{3, 4}});
  CHECK(again.tried == decltype(again.tried){{3, 2, 0}});
}

TEST_CASE("What a crash in a slot has left over is handed out again, the suspect alone") {
  Rank0 rank0;
  rank0.hear(1, sees);
  rank0.hear(1, talk::Done{rank0.sent<talk::Assignment>(1).chunk, tally(1, 0, 1000)});
  const auto crashed = rank0.sent<talk::Assignment>(1);
  REQUIRE(crashed.tasks == base::Ranges{{1, 5}});
  rank0.hear(1, talk::Done{crashed.chunk, tally(1), {{{2, 5}}, {{2, 3}}}});
  const std::uint64_t pending = rank0.scheduler.pending();
  bool was_alone = false;
  while (!rank0.scheduler.finished()) {
    const auto work = rank0.sent<talk::Assignment>(1);
    if (work.suspect) {
      CHECK(work.tasks == base::Ranges{{2, 3}});
      was_alone = true;
    }
    rank0.hear(1, talk::Done{work.chunk, tally(base::count(work.tasks), 0, 1000)});
  }
  CHECK(pending > 0);
  CHECK(was_alone);
  CHECK(rank0.tally.tasks == 10);
}

TEST_CASE("What has failed, by a crash, say, is tried again at another rank, as the next attempt") {
  Rank0 rank0;
  rank0.call.options.retries = 2;
  rank0.hear(1, sees);
  rank0.hear(1, talk::Done{rank0.sent<talk::Assignment>(1).chunk, tally(1, 0, 1000)});
  const auto crashed = rank0.sent<talk::Assignment>(1);
  REQUIRE(crashed.tasks == base::Ranges{{1, 5}});
  rank0.hear(1, talk::Done{crashed.chunk, tally(1), {{{3, 5}}, {{2, 3}}, {{2, 3}}}});
  rank0.hear(2, ready_on("another"));
  auto work = rank0.sent<talk::Assignment>(2);
  CHECK(work.tasks == base::Ranges{{2, 3}});
  CHECK(work.suspect);
  CHECK(work.tried == std::vector<talk::Tried>{{2, 2, 1}});
  rank0.hear(2, talk::Done{work.chunk, tally(0), {{}, {}, {{2, 3}}}});
  rank0.hear(3, ready_on("a third"));
  work = rank0.sent<talk::Assignment>(3);
  CHECK(work.tried == std::vector<talk::Tried>{{2, 3, 2}});
  CHECK_THROWS_AS(rank0.hear(3, talk::Done{work.chunk, tally(0), {{}, {}, {{2, 3}}}}), DamagedError);
}

TEST_CASE("What has failed does not wait for a rank that died before it was ready") {
  Rank0 rank0(std::vector<std::string>(1, "argument"));
  rank0.call.options.retries = 1;
  rank0.hear(1, sees);
  rank0.hear(1, talk::Done{rank0.sent<talk::Assignment>(1).chunk, tally(0), {{}, {}, {{0, 1}}}});
  for (int rank = 2; rank <= 4; ++rank) {
    CHECK(rank0.scheduler.in_flight() == 0);
    rank0.lose(rank);
  }
  CHECK(rank0.sent<talk::Assignment>(1).tried == std::vector<talk::Tried>{{0, 2, 1}});
}

TEST_CASE("When the time is up, what is recorded counts, and what was under way is known") {
  Rank0 rank0(std::vector<std::string>(1000, "argument"));
  rank0.hear(1, sees);
  std::vector<base::Ranges> held;
  for (;;) {
    held.clear();
    for (const std::string& bytes : rank0.network.under_way(0, 1))
      held.push_back(test::front_of<talk::Assignment>(bytes).tasks);
    // One is under way, the other one waits.
    if (held.size() == 2 && base::count(held[0]) >= 4) break;
    const auto work = rank0.sent<talk::Assignment>(1);
    rank0.hear(1, talk::Done{work.chunk, tally(base::count(work.tasks), 0, 1'000'000)});
  }
  const std::uint64_t done = rank0.scheduler.done_count();
  const base::Range first = held[0].front();
  const bool all_of_first = GENERATE(false, true);
  const std::uint64_t recorded = all_of_first ? first.size() : 3;
  for (std::uint64_t i = 0; i < recorded; ++i) rank0.by_ranks_gone.push_back(first.first + i);
  rank0.master.give_up(rank0.now + std::chrono::seconds(10));
  CHECK(rank0.asked == base::count(held[0]) + base::count(held[1]));
  REQUIRE(rank0.given_up.size() == 1);
  CHECK(rank0.given_up[0].attempt.index == (all_of_first ? held[1].front().first : first.first + 3));
  CHECK(rank0.given_up[0].attempt.outcome == store::Outcome::interrupted);
  CHECK(rank0.given_up[0].lasted.count() == 0);
  CHECK(rank0.scheduler.done_count() == done + recorded);
  CHECK(rank0.tally.tasks == done + recorded);
  CHECK(rank0.scheduler.pending() + rank0.scheduler.done_count() == 1000);
  CHECK(rank0.scheduler.in_flight() == 0);
}

TEST_CASE(
    "How long a task has lasted is known where it was alone; only of a rank that is gone more is asked") {
  Rank0 rank0;
  rank0.hear(1, sees);
  const bool is_gone = GENERATE(true, false);
  if (is_gone) {
    rank0.lose(1);
    CHECK(rank0.asked == 1);
  } else {
    rank0.master.give_up(rank0.now + std::chrono::seconds(9));
    CHECK(rank0.asked == 0);
    REQUIRE(rank0.given_up.size() == 1);
    CHECK(rank0.given_up[0].attempt.index == 0);
    CHECK(rank0.given_up[0].lasted == std::chrono::seconds(9));
  }
}

TEST_CASE("A task that was the end of max_lost ranks is given up, and the others are computed") {
  Rank0 rank0;
  for (int rank = 1; rank <= 3; ++rank) {
    rank0.hear(rank, sees);
    REQUIRE(rank0.sent<talk::Assignment>(rank).tasks == base::Ranges{{0, 1}});
    CHECK(rank0.given_up.empty());
    rank0.lose(rank);
    rank0.decide();
  }
  REQUIRE(rank0.given_up.size() == 1);
  CHECK(rank0.given_up[0].attempt.index == 0);
  CHECK(rank0.given_up[0].attempt.attempt == 3);
  CHECK(rank0.tally.failed == 1);
  CHECK_THAT(rank0.tally.failures.at(0).message, Contains("3 ranks died"));
  rank0.hear(4, sees);
  while (!rank0.scheduler.finished()) {
    const auto work = rank0.sent<talk::Assignment>(4);
    rank0.hear(4, talk::Done{work.chunk, tally(base::count(work.tasks), 0, 1000)});
  }
  CHECK(rank0.tally.tasks == 10);
  rank0.lose(4);
  CHECK(rank0.master.closed());
}

TEST_CASE("A task that was under way when a rank died waits for a moment, and others go on") {
  Rank0 rank0;
  rank0.hear(1, sees);
  rank0.hear(2, sees);
  REQUIRE(rank0.sent<talk::Assignment>(1).tasks == base::Ranges{{0, 1}});
  const auto other = rank0.sent<talk::Assignment>(2);
  rank0.lose(1);
  CHECK(rank0.scheduler.wake() == rank0.now + std::chrono::seconds(1));
  rank0.hear(2, talk::Done{other.chunk, tally(1)});
  CHECK(rank0.sent<talk::Assignment>(2).tasks.front().first > 1);
  rank0.decide();
  rank0.hear(3, sees);
  const auto again = rank0.sent<talk::Assignment>(3);
  CHECK(again.tasks == base::Ranges{{0, 1}});
  CHECK(again.suspect);
  CHECK(again.tried == std::vector<talk::Tried>{{0, 2, 0}});
}

TEST_CASE("The end of a host with several ranks is no task's fault") {
  Rank0 rank0;
  rank0.call.options.max_lost = 1;
  for (int rank = 1; rank <= 3; ++rank) {
    rank0.hear(rank, ready_on(rank <= 2 ? "node1" : "node2"));
    rank0.sent<talk::Assignment>(rank);
  }
  rank0.lose(1);
  rank0.lose(2);
  rank0.decide();
  CHECK(rank0.given_up.empty());
  rank0.lose(3);  // the only one of its host: it is not known what has died
  rank0.decide();
  REQUIRE(rank0.given_up.size() == 1);
  CHECK(rank0.given_up[0].attempt.index == 2);
}

TEST_CASE("Ranks that die while others of their host live, or one after the other, count") {
  const bool together = GENERATE(true, false);
  Rank0 rank0;
  rank0.call.options.max_lost = 1;
  for (int rank = 1; rank <= 3; ++rank) {
    rank0.hear(rank, ready_on("node1"));
    rank0.sent<talk::Assignment>(rank);
  }
  rank0.lose(1);
  if (!together) rank0.decide();
  rank0.lose(2);
  rank0.decide();
  CHECK(rank0.given_up.size() == 2);
  rank0.lose(3);
  rank0.decide();
  CHECK(rank0.given_up.size() == 3);
}

TEST_CASE("Ranks of rank 0's own host count, since it lives") {
  Rank0 rank0;
  rank0.call.options.max_lost = 1;
  for (const int rank : {1, 2}) rank0.hear(rank, ready_on(base::this_process().host));
  for (const int rank : {1, 2}) rank0.lose(rank);
  rank0.decide();
  CHECK(rank0.given_up.size() == 2);
}

TEST_CASE(
    "A rank whose host has fallen silent does not count, and its task is another attempt elsewhere at once") {
  Rank0 rank0;
  rank0.call.options.max_lost = 1;
  rank0.hear(1, sees);
  REQUIRE(rank0.sent<talk::Assignment>(1).tasks == base::Ranges{{0, 1}});
  rank0.lose(1, true);
  rank0.hear(2, sees);
  const auto again = rank0.sent<talk::Assignment>(2);
  CHECK(again.tasks == base::Ranges{{0, 1}});
  CHECK_FALSE(again.suspect);
  CHECK(again.tried == std::vector<talk::Tried>{{0, 2, 0}});
  rank0.decide();
  CHECK(rank0.given_up.empty());
}

TEST_CASE("When all ranks are killed at once no task is blamed for more than one of them") {
  Rank0 rank0(std::vector<std::string>(1, "argument"));
  for (int rank = 1; rank <= 4; ++rank) rank0.hear(rank, sees);
  for (int rank = 1; rank <= 4; ++rank) rank0.lose(rank);
  rank0.decide();
  CHECK(rank0.given_up.empty());
  CHECK(rank0.scheduler.pending() == 1);
}

TEST_CASE("If any number of ranks may be lost no task waits") {
  Rank0 rank0(std::vector<std::string>(1, "argument"));
  rank0.call.options.max_lost = 0;
  for (int rank = 1; rank <= 4; ++rank) {
    rank0.hear(rank, sees);
    CHECK(rank0.sent<talk::Assignment>(rank).tried.size() == (rank == 1 ? 0 : 1));
    rank0.lose(rank);
  }
  CHECK(rank0.given_up.empty());
}

TEST_CASE("No message, however damaged, does more to rank 0 than to end the map") {
  std::vector<std::string> messages = {"", "\xff"};
  const auto damage = [&](const std::string& bytes) {
    for (std::size_t size = 0; size < bytes.size(); ++size) messages.push_back(bytes.substr(0, size));
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      messages.push_back(bytes);
      messages.back()[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    }
  };
  test::for_each_message([&](const auto& message) { damage(talk::pack(message)); });
  std::size_t refused = 0;
  for (const std::string& bytes : messages) {
    Rank0 rank0;
    rank0.hear(1, blind);
    try {
      rank0.hear_bytes(1, bytes);
    } catch (const Error&) {
      ++refused;
    }
    CHECK(rank0.scheduler.pending() + rank0.scheduler.in_flight() + rank0.scheduler.done_count() == 10);
  }
  CHECK(refused > messages.size() / 2);
}

}  // namespace
}  // namespace tasker::runtime
