#include "store/journal.hpp"

#include "base/hash.hpp"
#include "support/root.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <set>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using test::Kept;
using test::Store;

/// The indices of all records that can be read, in order.
std::vector<std::uint64_t> indices(const JournalReader& journal, std::uint64_t* damaged = nullptr) {
  std::vector<std::uint64_t> found;
  FrameReader frames = journal.frames();
  while (const auto frame = frames.next()) {
    RecordReader records(frame->body);
    while (const auto record = records.next()) found.push_back(record->index);
  }
  if (damaged) *damaged = frames.damaged();
  return found;
}

TEST_CASE("A journal gives back what was appended") {
  Store store;
  const std::string large(300'000, 'L');
  const JournalName name = store.journal(
      4, 2, 9,
      {{{5, "five", "V"}, {0, "", ""}},
       {{UINT64_MAX, large, large, Outcome::failed, bound_to_index | bound_to_count, UINT32_MAX}}});
  const JournalReader journal(store.directory(), name);
  REQUIRE(journal.header());
  CHECK(journal.header()->manifest == test::manifest_for(9));
  REQUIRE(journal.header()->origins.size() == 1);
  CHECK(journal.header()->origins[0] == Origin{"0000000000001004", 4, 2, "node2", "build", 9});

  FrameReader frames = journal.frames();
  const auto first = frames.next();
  REQUIRE(first);
  CHECK(first->info.records == 2);
  CHECK(first->info.duration == 2000);
  CHECK(first->info.start == 1'700'000'000'000'000'000);
  RecordReader records(first->body);
  const auto five = records.next();
  REQUIRE(five);
  CHECK(five->index == 5);
  CHECK(five->fingerprint == test::fingerprint_of("five"));
  CHECK(five->argument == "five");
  CHECK(five->payload == "V");
  CHECK(records.next()->payload.empty());
  CHECK_FALSE(records.next());
  const auto second = frames.next();
  REQUIRE(second);
  const auto failed = RecordReader(second->body).next();
  REQUIRE(failed);
  CHECK(failed->index == UINT64_MAX);
  CHECK(failed->argument == large);
  CHECK(failed->payload == large);
  CHECK(failed->outcome == Outcome::failed);
  CHECK(failed->binding == (bound_to_index | bound_to_count));
  CHECK(failed->attempt == UINT32_MAX);
  CHECK_FALSE(frames.next());
  CHECK(frames.damaged() == 0);
  CHECK(frames.tail() == 0);
}

TEST_CASE("A journal appears with its first frame, and never over another one") {
  Store store;
  const fs::path path = store.directory() / "journal";
  JournalWriter writer(path, 1, {test::manifest_for(1), {}});
  CHECK_FALSE(writer.created());
  writer.sync();
  CHECK_FALSE(fs::exists(path));
  writer.append({}, "head", "tail");
  writer.sync();
  CHECK(fs::exists(path));
  JournalWriter again(path, 1, {test::manifest_for(1), {}});
  CHECK_THROWS_AS(again.append({}, "x"), SystemError);
}

TEST_CASE("A frame in two parts, or built elsewhere, is the same as a whole one") {
  Store store;
  const JournalHeader header{test::manifest_for(1), {}};
  const std::string body = test::body_of({{1, "argument", "payload"}});
  JournalWriter whole(store.directory() / "whole", 5, header);
  JournalWriter parts(store.directory() / "parts", 5, header);
  JournalWriter built(store.directory() / "built", 5, header);
  whole.append({.records = 1}, body);
  parts.append({.records = 1}, body.substr(0, 11), body.substr(11));
  built.append_built(frame_header({.records = 1}, body, {}, 5) + body);
  CHECK(test::read_file(store.directory() / "whole") == test::read_file(store.directory() / "parts"));
  CHECK(test::read_file(store.directory() / "whole") == test::read_file(store.directory() / "built"));
}

TEST_CASE("A frame that was built elsewhere is refused unless it is whole") {
  Store store;
  JournalWriter writer(store.directory() / "journal", 5, {test::manifest_for(1), {}});
  const std::string body = test::body_of({{1, "argument", "payload"}});
  const std::string frame = frame_header({.records = 1}, body, {}, 5) + body;
  std::string flipped = frame;
  flipped.back() ^= 1;
  for (const std::string& bad : {flipped, frame + "more", "more" + frame, frame.substr(0, frame.size() - 1),
                                 frame_header({.records = 1}, body, {}, 6) + body, std::string()})
    CHECK_THROWS_AS(writer.append_built(bad), DamagedError);
  CHECK_FALSE(writer.created());
}

TEST_CASE("A torn tail is normal: what is before it is read, at whatever byte it was torn") {
  Store store;
  const JournalName name =
      store.journal(1, 0, 5, {{{0, "a", "A"}}, {{1, "b", "B"}, {2, "c", "C"}}, {{3, "d", "D"}}});
  const std::string bytes = test::read_file(store.path_of(name));
  std::set<std::size_t> counts;
  for (std::uint64_t size = 0; size <= bytes.size(); ++size) {
    test::write_file(store.path_of(name), bytes.substr(0, size));
    std::uint64_t damaged = 0;
    const auto found = indices(JournalReader(store.directory(), name), &damaged);
    REQUIRE(damaged == 0);
    for (std::size_t i = 0; i < found.size(); ++i) REQUIRE(found[i] == i);
    counts.insert(found.size());
  }
  CHECK(counts == std::set<std::size_t>{0, 1, 3, 4});
}

TEST_CASE("A flipped bit costs the records of one frame, at most") {
  Store store;
  const JournalName name =
      store.journal(1, 0, 5, {{{0, "a", "A"}}, {{1, "b", "B"}, {2, "c", "C"}}, {{3, "d", "D"}}});
  const fs::path path = store.path_of(name);
  const std::string bytes = test::read_file(path);
  std::vector<Frame> frames;
  std::uint64_t header_size = 0;
  const JournalReader whole(store.directory(), name);
  FrameReader reader = whole.frames();
  while (const auto frame = reader.next()) frames.push_back(*frame);
  header_size = frames.front().offset;
  for (std::uint64_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    test::write_file(path, flipped);
    std::uint64_t damaged = 0;
    const JournalReader journal(store.directory(), name);
    const auto found = indices(journal, &damaged);
    std::vector<std::uint64_t> expected;
    std::uint64_t lost = 0;
    for (const Frame& frame : frames) {
      const std::uint64_t end = frame.offset + frame_header_size + frame.body.size();
      const bool hit = bit / 8 >= frame.offset && bit / 8 < end;
      // At the very end it can't be told from a torn tail.
      if (hit && end < bytes.size()) lost = end - frame.offset;
      RecordReader records(frame.body);
      while (const auto record = records.next())
        if (!hit) expected.push_back(record->index);
    }
    INFO("bit " << bit);
    REQUIRE(found == expected);
    REQUIRE(journal.header().has_value() == (bit / 8 >= header_size));
    REQUIRE(damaged == (bit / 8 < header_size ? header_size : lost));
  }
}

TEST_CASE("Damage that pretends to be frames is not believed") {
  Store store;
  const JournalName name = store.journal(1, 0, 5, {{{0, "a", "A"}}, {{1, "b", "B"}}});
  const std::string bytes = test::read_file(store.path_of(name));
  // A frame of another journal, with a checksum that holds there.
  const std::string body = test::body_of({{4, "x", "wrong"}});
  const std::string foreign = frame_header({.records = 1}, body, {}, 99) + body;
  std::string endless = frame_header({.records = 1}, "", {}, name.id);
  for (std::size_t at = 8; at < 16; ++at) endless[at] = '\xff';  // the size of its body
  for (const std::string& inserted :
       {foreign, endless, std::string("FRAMFRAMFRAM"), std::string(1000, '\0')}) {
    test::write_file(store.path_of(name), bytes + inserted);
    CHECK(indices(JournalReader(store.directory(), name)) == std::vector<std::uint64_t>{0, 1});
    const std::uint64_t second = bytes.rfind("FRAM");
    test::write_file(store.path_of(name), bytes.substr(0, second) + inserted + bytes.substr(second));
    std::uint64_t damaged = 0;
    CHECK(indices(JournalReader(store.directory(), name), &damaged) == std::vector<std::uint64_t>{0, 1});
    CHECK(damaged == inserted.size());
  }
}

TEST_CASE("A journal full of what might be large frames is read in seconds, not in hours") {
  Store store;
  const JournalName name = store.journal(1, 0, 5, {{{0, "a", "A"}}});
  // Each of them claims all that follows: to look at all of it each time would take ages.
  std::string pretended;
  const std::size_t count = 1 << 20;
  for (std::size_t i = 0; i < count; ++i) {
    detail::put(pretended, frame_magic);
    detail::put(pretended, std::uint32_t{1});
    detail::put(pretended, std::uint64_t{(count - i) * 16 - frame_header_size});
  }
  test::write_file(store.path_of(name), test::read_file(store.path_of(name)) + pretended);
  CHECK(indices(JournalReader(store.directory(), name)) == std::vector<std::uint64_t>{0});
}

TEST_CASE("A body whose records make no sense ends there") {
  for (const std::string& body :
       {std::string(1, '\x80'), std::string(11, '\xff'), std::string(20, '\0'), std::string(21, '\xff'),
        test::body_of({{1, "argument", "payload"}}).substr(0, 25)})
    CHECK_FALSE(RecordReader(body).next());
  // Sizes whose sum overflows.
  std::string body = test::body_of({{1, "", ""}});
  body.resize(body.size() - 2);
  const std::string huge = std::string(9, '\xff') + '\x01';
  CHECK_FALSE(RecordReader(body + huge + huge).next());
  CHECK_FALSE(RecordReader(body + '\x01' + huge + "x").next());
}

TEST_CASE("A journal of a newer format is refused, one whose version is damaged is not") {
  Store store;
  const JournalName name = store.journal(1, 0, 5, {{{0, "a", "A"}}});
  std::string bytes = test::read_file(store.path_of(name));
  bytes[8] = 2;
  test::write_file(store.path_of(name), bytes);
  const JournalReader damaged(store.directory(), name);
  CHECK_FALSE(damaged.header());
  CHECK(indices(damaged).size() == 1);

  detail::Reader size(std::string_view(bytes).substr(12));
  std::string preamble = bytes.substr(0, 16);
  detail::put(preamble, base::hash64(std::string_view(bytes).substr(24, size.number<std::uint32_t>()), 2));
  test::put_at(store.path_of(name), 0, preamble);
  CHECK_THROWS_AS(JournalReader(store.directory(), name), MismatchError);
}

TEST_CASE("A journal on a full disk fails, and all frames before are there", "[root]") {
  if (!test::may_as_root("a journal on a full disk")) return;
  const test::TemporaryDirectory home;
  const test::SmallDisk disk(home.path());
  const JournalName name{1, 1, 0};
  std::uint64_t written = 0;
  {
    JournalWriter writer(home.path() / name.to_string(), name.id, {test::manifest_for(1), {}});
    const std::string body = test::body_of({{0, "a", std::string(100'000, 'x')}});
    CHECK_THROWS_WITH(
        [&] {
          for (;; ++written) writer.append({}, body);
        }(),
        Catch::Contains("No space left"));
  }
  CHECK(written > 5);
  CHECK(indices(JournalReader(home.path(), name)).size() == written);
}

}  // namespace
}  // namespace tasker::store
