#include "talk/messages.hpp"

#include "support/sample_messages.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <string>

namespace tasker::talk {
namespace {

TEST_CASE("Every message arrives as it was sent") {
  std::set<int> kinds;
  test::for_each_message([&]<class Message>(const Message& message) {
    const std::string bytes = pack(message);
    INFO("kind " << static_cast<int>(kind<Message>));
    CHECK(kind_of(bytes) == kind<Message>);
    CHECK(pack(unpack<Message>(bytes)) == bytes);
    kinds.insert(kind<Message>);
  });
  CHECK(kinds.size() == static_cast<std::size_t>(kind<Leave>) + 1);
}

TEST_CASE("No two fields of a message are mixed up") {
  const auto work = unpack<Assignment>(pack(Assignment{9, {{0, 3}, {5, 6}}, {{1, 2, 3}}}));
  CHECK(work.chunk == 9);
  CHECK(work.tasks == base::Ranges{{0, 3}, {5, 6}});
  CHECK(work.tried == std::vector<Tried>{{1, 2, 3}});
  const auto kept = unpack<Kept>(pack(Kept{5, 3}));
  CHECK(kept.chunk == 5);
  CHECK(kept.kept == 3);
  const auto done = unpack<Done>(pack(Done{
      1, {2, 4, {{5, "why", 1, "lines"}}, std::chrono::nanoseconds(3)}, {{{6, 9}}, {{7, 8}}, {{2, 3}}}}));
  CHECK(done.chunk == 1);
  CHECK(done.tally.tasks == 2);
  CHECK(done.tally.failed == 4);
  CHECK(done.tally.busy.count() == 3);
  CHECK(done.tally.failures == std::vector<TaskFailure>{{5, "why", 1, "lines"}});
  CHECK(done.left.tasks == base::Ranges{{6, 9}});
  CHECK(done.left.suspects == base::Ranges{{7, 8}});
  CHECK(done.left.failed == base::Ranges{{2, 3}});
}

TEST_CASE("A message that ends too early or too late is refused") {
  test::for_each_message([]<class Message>(const Message& message) {
    const std::string bytes = pack(message);
    INFO("kind " << static_cast<int>(kind<Message>));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      INFO("the first " << size << " of " << bytes.size() << " bytes");
      CHECK_THROWS_AS(unpack<Message>(bytes.substr(0, size)), DamagedError);
    }
    CHECK_THROWS_AS(unpack<Message>(bytes + '\0'), DamagedError);
  });
}

TEST_CASE("A message with a flipped bit is refused, or another message of its kind") {
  test::for_each_message([]<class Message>(const Message& message) {
    const std::string bytes = pack(message);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      INFO("kind " << static_cast<int>(kind<Message>) << ", bit " << bit);
      if (bit < 8) {
        CHECK_THROWS_AS(unpack<Message>(flipped), DamagedError);
        continue;
      }
      try {
        const std::string again = pack(unpack<Message>(flipped));
        CHECK(again.size() == bytes.size());
      } catch (const DamagedError&) {
      }
    }
  });
}

TEST_CASE("A message of another kind, of none, or without a byte is refused") {
  CHECK_THROWS_AS(unpack<Closed>(pack(Finish{})), DamagedError);
  CHECK_THROWS_AS(unpack<Finish>(""), DamagedError);
  CHECK_FALSE(kind_of(""));
  for (int byte = 0; byte < 256; ++byte) {
    INFO("byte " << byte);
    CHECK(kind_of(std::string(1, static_cast<char>(byte))).has_value() ==
          (byte <= static_cast<int>(kind<Leave>)));
  }
}

TEST_CASE("A count that the bytes can't hold is refused before anything is allocated for it") {
  std::string bytes(1, static_cast<char>(kind<Assignment>));
  detail::put(bytes, std::uint64_t{1});        // the chunk
  detail::put(bytes, std::uint64_t{1} << 60);  // the number of its ranges
  bytes += std::string(64, '\0');
  CHECK_THROWS_AS(unpack<talk::Assignment>(bytes), DamagedError);
}

TEST_CASE("A range that ends before it begins is refused") {
  CHECK_THROWS_AS(unpack<talk::Assignment>(pack(talk::Assignment{1, {{4, 3}}, {}})), DamagedError);
}

}  // namespace
}  // namespace tasker::talk
