#include "execute/talker.hpp"

#include "execute/desk.hpp"
#include "support/fake_comm.hpp"
#include "support/sample_messages.hpp"

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <vector>

namespace tasker::execute {
namespace {

/// The talking side of rank 1, that hears what the test lets rank 0 say.
struct Rank1 {
  template <class Message>
  void from_rank_0(const Message& message) {
    bytes_from(0, talk::pack(message));
  }
  void bytes_from(int rank, std::string bytes) {
    network.comm(rank).send(1, std::move(bytes));
    network.deliver(rank, 1);
  }
  /// The oldest message that this rank has sent to rank 0.
  template <class Message>
  Message sent() {
    return talk::unpack<Message>(sent_bytes());
  }

  std::string sent_bytes() {
    network.deliver(1, 0);
    return network.comm(0).wait(base::Time::max())->bytes;
  }

  test::FakeNetwork network{3};
  Desk desk;
  Talker talker{network.comm(1), desk};
};

const talk::Assignment ten_tasks{5, {{0, 10}}, {}};

TEST_CASE("A chunk that comes lies on the desk, and its report goes to rank 0") {
  Rank1 rank1;
  rank1.bytes_from(0, talk::pack(talk::Assignment{5, {{0, 3}}, {{1, 2}}}) + "arguments");
  CHECK_FALSE(rank1.talker.turn());
  const auto chunk = rank1.desk.take_chunk();
  REQUIRE(chunk);
  CHECK(chunk->id() == 5);
  CHECK(chunk->tasks() == base::Ranges{{0, 3}});
  CHECK(chunk->arguments() == "arguments");
  CHECK(chunk->tried(1) == talk::Tried{1, 2, 0});
  execute::ChunkReport report;
  report.tasks = 2;
  report.add_failure({2, "why"});
  report.busy = std::chrono::nanoseconds(7);
  rank1.desk.finish(chunk, report);
  CHECK_FALSE(rank1.talker.turn());
  const auto done = rank1.sent<talk::Done>();
  CHECK(done.chunk == 5);
  CHECK(done.tally.tasks == 3);
  CHECK(done.tally.failed == 1);
  CHECK(done.tally.failures == report.failures);
  CHECK(done.tally.busy.count() == 7);
}

TEST_CASE("A take-back is answered at once, also while the chunk is executed") {
  Rank1 rank1;
  rank1.from_rank_0(ten_tasks);
  rank1.talker.turn();
  const auto chunk = rank1.desk.take_chunk();
  for (int i = 0; i < 4; ++i) REQUIRE(chunk->start());
  rank1.from_rank_0(talk::TakeBackRequest{5});
  rank1.talker.turn();
  rank1.talker.turn();
  const auto kept = rank1.sent<talk::Kept>();
  CHECK(kept.kept == 7);
  CHECK(chunk->kept() == 7);
}

TEST_CASE("A take-back of a chunk that has ended is not answered: its report is the answer") {
  Rank1 rank1;
  rank1.from_rank_0(ten_tasks);
  rank1.talker.turn();
  ChunkReport report;
  report.tasks = 10;
  rank1.desk.finish(rank1.desk.take_chunk(), report);
  rank1.from_rank_0(talk::TakeBackRequest{5});
  rank1.talker.turn();
  CHECK(rank1.sent<talk::Done>().tally.tasks == 10);
  CHECK(rank1.network.under_way(1, 0).empty());
}

TEST_CASE("A chunk of which nothing was left is not reported") {
  Rank1 rank1;
  rank1.from_rank_0(talk::Assignment{5, {{0, 1}}, {}});
  rank1.talker.turn();
  rank1.from_rank_0(talk::TakeBackRequest{5});
  rank1.talker.turn();
  rank1.talker.turn();
  CHECK(rank1.sent<talk::Kept>().kept == 0);
  const auto chunk = rank1.desk.take_chunk();
  CHECK_FALSE(chunk->start());
  rank1.desk.finish(chunk, {});
  CHECK(rank1.desk.take_messages().empty());
  rank1.from_rank_0(talk::TakeBackRequest{5});
  rank1.talker.turn();
  CHECK(rank1.desk.take_messages().empty());
}

TEST_CASE("After Finish the chunks at hand are executed, and then none is waited for") {
  Rank1 rank1;
  rank1.from_rank_0(ten_tasks);
  rank1.from_rank_0(talk::Finish{});
  rank1.talker.turn();
  rank1.talker.turn();
  const auto chunk = rank1.desk.take_chunk();
  REQUIRE(chunk);
  CHECK(chunk->start());
  CHECK(rank1.desk.take_chunk() == nullptr);
}

TEST_CASE("When the map ends early, what is not started never will be, and nothing waits for credit") {
  Rank1 rank1;
  rank1.from_rank_0(ten_tasks);
  rank1.from_rank_0(talk::Assignment{6, {{10, 20}}, {}});
  rank1.talker.turn();
  rank1.talker.turn();
  const auto chunk = rank1.desk.take_chunk();
  REQUIRE(chunk->start());
  rank1.from_rank_0(talk::End{{"usage", 2, "why"}});
  const talk::End end = rank1.talker.until_end();
  CHECK(end.thrown.type == "usage");
  CHECK(end.thrown.message == "why");
  CHECK_FALSE(chunk->start());
  CHECK(rank1.desk.take_chunk() == nullptr);
  const std::string large(20 << 20, 'x');
  rank1.desk.post_frame(large);
  rank1.desk.post_frame(large);
  CHECK(rank1.desk.take_messages().size() == 2);
}

TEST_CASE("A new leader hears what is under way, and the rest is at its disposal") {
  Rank1 rank1;
  talk::Start start;
  start.leader = "first";
  start.run = "another";
  rank1.from_rank_0(start);
  rank1.talker.turn();
  rank1.desk.post_ready({"", 4, false, "here", "build"});
  rank1.talker.turn();
  CHECK(rank1.sent<talk::Ready>().leader == "first");
  rank1.from_rank_0(ten_tasks);
  rank1.from_rank_0(talk::Assignment{6, {{10, 20}}, {}});
  rank1.talker.turn();
  rank1.talker.turn();
  const auto chunk = rank1.desk.take_chunk();
  REQUIRE(chunk->start());
  REQUIRE(chunk->start());
  rank1.desk.post_frame(talk::pack(talk::Records{}) + "written");
  rank1.desk.post_frame(talk::pack(talk::Records{}) + "on its way");
  rank1.talker.turn();
  CHECK(test::front_of<talk::Records>(rank1.network.under_way(1, 0).front()).again == false);
  rank1.sent_bytes();
  rank1.sent_bytes();
  rank1.from_rank_0(talk::Recorded{talk::pack(talk::Records{}).size() + 7});
  rank1.talker.turn();

  start.leader = "second";
  rank1.from_rank_0(start);
  rank1.talker.turn();
  rank1.talker.turn();
  const auto ready = rank1.sent<talk::Ready>();
  CHECK(ready.leader == "second");
  CHECK(ready.sequence == 4);
  CHECK(ready.host == "here");
  REQUIRE(ready.in_hand.size() == 1);
  CHECK(ready.in_hand[0].chunk == 5);
  CHECK(ready.in_hand[0].tasks == base::Ranges{{0, 2}});
  std::string frame;
  CHECK(test::front_of<talk::Records>(rank1.sent_bytes(), &frame).again);
  CHECK(frame == "on its way");
  CHECK_FALSE(chunk->start());

  // It does not know of the other chunk, of which nothing is left.
  rank1.from_rank_0(talk::TimeLeft{std::chrono::hours(1), true});
  rank1.talker.turn();
  rank1.talker.turn();
  CHECK(rank1.sent<talk::Kept>().chunk == 5);
  CHECK(rank1.network.under_way(1, 0).empty());
}

TEST_CASE("A worker that hears nonsense says so, gives up its work and waits for rank 0 to end the map") {
  Rank1 rank1;
  rank1.from_rank_0(ten_tasks);
  rank1.bytes_from(0, "\x7f");
  rank1.from_rank_0(talk::End{{"system", 74, "rank 1: nonsense"}});
  CHECK(rank1.talker.until_end().thrown.message == "rank 1: nonsense");
  const auto trouble = rank1.sent<talk::Trouble>();
  CHECK(trouble.thrown.exit_code == exit_system);
  CHECK_THAT(trouble.thrown.message, Catch::Contains("rank 0 sent nonsense"));
  CHECK(rank1.desk.take_chunk() == nullptr);
}

TEST_CASE("A worker in trouble twice waits no longer") {
  Rank1 rank1;
  rank1.bytes_from(0, "\x7f");
  rank1.bytes_from(0, "");
  CHECK(rank1.talker.until_end().thrown.type == "damaged");
}

TEST_CASE("Only rank 0 may tell a worker what to do") {
  Rank1 rank1;
  rank1.bytes_from(2, talk::pack(talk::Finish{}));
  rank1.from_rank_0(talk::End{});
  rank1.talker.until_end();
  CHECK_THAT(rank1.sent<talk::Trouble>().thrown.message, Catch::Contains("rank 2"));
}

TEST_CASE("No message, however damaged, does more to a worker than to end the map") {
  test::for_each_message([]<class Message>(const Message& message) {
    const std::string bytes = talk::pack(message);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      Rank1 rank1;
      rank1.from_rank_0(ten_tasks);
      rank1.bytes_from(0, flipped);
      rank1.from_rank_0(talk::End{});
      rank1.talker.until_end();
      CHECK(rank1.network.under_way(1, 0).size() <= 1);
      CHECK(rank1.desk.take_chunk() == nullptr);
    }
  });
}

TEST_CASE("A stop gives back what is not started, and asks what is to end") {
  Rank1 rank1;
  rank1.from_rank_0(ten_tasks);
  rank1.from_rank_0(talk::Assignment{6, {{10, 20}}, {}});
  rank1.from_rank_0(talk::TimeLeft{std::chrono::nanoseconds::max(), false});
  for (int i = 0; i < 3; ++i) rank1.talker.turn();
  CHECK(rank1.desk.horizon().time_left() == std::chrono::nanoseconds::max());
  const auto chunk = rank1.desk.take_chunk();
  for (int i = 0; i < 4; ++i) REQUIRE(chunk->start());
  CHECK_FALSE(rank1.desk.horizon().stop_requested());
  rank1.from_rank_0(talk::TimeLeft{std::chrono::hours(1), true});
  rank1.talker.turn();
  CHECK(rank1.desk.horizon().stop_requested());
  CHECK(rank1.desk.horizon().time_left() <= std::chrono::hours(1));
  CHECK_FALSE(chunk->start());
  rank1.talker.turn();
  for (const std::uint64_t kept : {4U, 0U}) CHECK(rank1.sent<talk::Kept>().kept == kept);
}

TEST_CASE("What a chunk that ends early has left over goes back with its report, unless all was taken back") {
  Rank1 rank1;
  rank1.from_rank_0(ten_tasks);
  rank1.talker.turn();
  const auto chunk = rank1.desk.take_chunk();
  const bool is_taken_back = GENERATE(false, true);
  if (is_taken_back) chunk->revoke();
  execute::ChunkReport report;
  report.tasks = 4;
  report.left = {{{4, 10}}, {{4, 5}}, {{2, 3}}};
  rank1.desk.finish(chunk, report);
  rank1.desk.post(talk::pack(talk::Closed{}));
  rank1.talker.turn();
  if (!is_taken_back) {
    const auto done = rank1.sent<talk::Done>();
    CHECK(done.chunk == 5);
    CHECK(done.tally.tasks == 4);
    CHECK(talk::pack(done) == talk::pack(talk::Done{5, report, report.left}));
  }
  rank1.sent<talk::Closed>();
}

}  // namespace
}  // namespace tasker::execute
