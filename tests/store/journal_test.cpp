#include "store/journal.hpp"

#include "base/hash.hpp"
#include "store/frame_builder.hpp"
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
  while (const auto frame = frames.next())
    for (std::uint32_t i = 0; i < frame->records(); ++i) found.push_back((*frame)[i].index);
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
  CHECK(journal.header()->origins[0] ==
        Origin{"0000000000001004", 4, 2, "node2", "build", 9, {}, test::declared});

  FrameReader frames = journal.frames();
  const auto first = frames.next();
  REQUIRE(first);
  CHECK(first->info().together == 2);
  CHECK(first->info().duration == 2000);
  CHECK(first->info().start == 1'700'000'000'000'000'000);
  REQUIRE(first->records() == 2);
  const Record five = (*first)[0];
  CHECK(five.index == 5);
  CHECK_FALSE(five.fingerprint);
  CHECK(five.argument == "five");
  CHECK(five.payload == "V");
  CHECK((*first)[1].index == 0);
  CHECK((*first)[1].payload.empty());
  const auto second = frames.next();
  REQUIRE(second);
  REQUIRE(second->records() == 1);
  const Record failed = (*second)[0];
  CHECK(failed.index == UINT64_MAX);
  CHECK(failed.fingerprint == test::fingerprint_of(large));
  CHECK(failed.argument == large);
  CHECK(failed.payload == large);
  CHECK(failed.outcome == Outcome::failed);
  CHECK(failed.binding == (bound_to_index | bound_to_count));
  CHECK(failed.attempt == UINT16_MAX);  // or more
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
  writer.append_bytes(test::frame_of({{}}, 1));
  writer.sync();
  CHECK(fs::exists(path));
  JournalWriter again(path, 1, {test::manifest_for(1), {}});
  CHECK_THROWS_AS(again.append_bytes(test::frame_of({{}}, 1)), SystemError);
}

TEST_CASE("A journal that was closed says so, at its end alone, and for its own name alone") {
  Store store;
  const JournalName name{1, 7, 0};
  JournalWriter never(store.path_of(name), name.id, {test::manifest_for(2), {}});
  never.close();
  CHECK(store.journals().empty());  // what nobody has written to is not created

  JournalWriter writer(store.path_of(name), name.id, {test::manifest_for(2), {}});
  writer.append_bytes(test::frame_of({{0, "a", "A"}}, name.id));
  const auto is_closed = [&](const JournalName& journal) {
    return JournalReader(store.directory(), journal).is_closed();
  };
  CHECK_FALSE(is_closed(name));
  writer.close();
  writer.close();
  CHECK(is_closed(name));
  const std::string bytes = test::read_file(store.path_of(name));
  CHECK(bytes.size() == JournalReader(store.directory(), name).bytes().size() + frame_header_size);
  const auto found_in = [&](const std::string& content, bool closed) {
    test::write_file(store.path_of(name), content);
    CHECK(is_closed(name) == closed);
    return indices(JournalReader(store.directory(), name));
  };
  // Whoever writes behind it has not ended yet.
  CHECK(found_in(bytes + test::frame_of({{1, "b", "B"}}, name.id), false) ==
        std::vector<std::uint64_t>{0, 1});
  for (std::size_t i = 1; i <= frame_header_size; ++i) {
    std::string flipped = bytes;
    flipped[bytes.size() - i] ^= 1;
    CHECK(found_in(flipped, false) == std::vector<std::uint64_t>{0});
    CHECK(found_in(bytes.substr(0, bytes.size() - i), false) == std::vector<std::uint64_t>{0});
  }
  const JournalName other{1, 8, 0};
  test::write_file(store.path_of(other), bytes);
  CHECK_FALSE(is_closed(other));
}

TEST_CASE("A frame whose last values were not copied, or that comes as bytes, is the same as any other") {
  Store store;
  const JournalHeader header{test::manifest_for(1), {}};
  const Fingerprinter fingerprinter(test::declared);
  const Record first{.index = 1, .outcome = Outcome::done, .argument = "argument", .payload = "payload"};
  const Record second{
      .index = 2, .outcome = Outcome::done, .argument = "2", .payload = "large", .output = "said"};
  for (const bool alone : {false, true}) {
    FrameBuilder copied(fingerprinter, true);
    FrameBuilder borrowed(fingerprinter, true);
    if (!alone) {
      copied.add(first);
      borrowed.add(first);
    }
    copied.add(second);
    borrowed.add_last(second);
    const std::string name = alone ? "alone" : "together";
    JournalWriter writer(store.directory() / name, 5, header);
    writer.append(borrowed.frame({}));
    JournalWriter other(store.directory() / (name + "_bytes"), 5, header);
    other.append_bytes(to_bytes(copied.frame({}), 5));
    CHECK(test::read_file(store.directory() / name) ==
          test::read_file(store.directory() / (name + "_bytes")));
  }
}

TEST_CASE("A frame that was built elsewhere is refused unless it is whole") {
  Store store;
  JournalWriter writer(store.directory() / "journal", 5, {test::manifest_for(1), {}});
  const std::vector<Kept> records = {{1, "argument", "payload"}};
  const std::string frame = test::frame_of(records, 5);
  std::string flipped = frame;
  flipped.back() ^= 1;
  // A closing frame, too: nobody closes another's journal.
  for (const std::string& bad :
       {flipped, closing_frame(5), frame + "more", "more" + frame, frame.substr(0, frame.size() - 1),
        test::frame_of(records, 6), std::string()})
    CHECK_THROWS_AS(writer.append_bytes(bad), DamagedError);
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

TEST_CASE("A flipped bit costs the records of one frame, at most, and none if it is in a header") {
  Store store;
  const JournalName name =
      store.journal(1, 0, 5, {{{0, "a", "A"}}, {{1, "b", "B"}, {2, "c", "C"}}, {{3, "d", "D"}}});
  const fs::path path = store.path_of(name);
  const std::string bytes = test::read_file(path);
  std::vector<Frame> frames;
  const JournalReader whole(store.directory(), name);
  const auto offset_of = [&](const Frame& frame) {
    return static_cast<std::uint64_t>(frame.bytes().data() - whole.bytes().data());
  };
  FrameReader reader = whole.frames();
  while (const auto frame = reader.next()) frames.push_back(*frame);
  const std::uint64_t headers = offset_of(frames.front());
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
      const std::uint64_t end = offset_of(frame) + frame.bytes().size();
      const bool hit = bit / 8 >= offset_of(frame) && bit / 8 < end;
      // At the very end it can't be told from a torn tail.
      if (hit && end < whole.bytes().size()) lost = frame.bytes().size();
      for (std::uint32_t i = 0; i < frame.records(); ++i)
        if (!hit) expected.push_back(frame[i].index);
    }
    INFO("bit " << bit);
    REQUIRE(found == expected);
    REQUIRE(journal.header());
    REQUIRE(journal.header()->origins == whole.header()->origins);
    const bool second_header = bit / 8 >= headers / 2 && bit / 8 < headers;
    REQUIRE(damaged == (second_header ? headers / 2 : lost));
  }
}

TEST_CASE("Damage that pretends to be frames is not believed") {
  Store store;
  const JournalName name = store.journal(1, 0, 5, {{{0, "a", "A"}}, {{1, "b", "B"}}});
  const std::string bytes = test::read_file(store.path_of(name));
  // A frame of another journal, with a checksum that holds there.
  const std::string foreign = test::frame_of({{4, "x", "wrong"}}, 99);
  std::string endless = test::frame_of({{}}, name.id);
  for (std::size_t at = 8; at < 16; ++at) endless[at] = '\xff';  // the size of its body
  for (const std::string& inserted :
       {foreign, endless, std::string("FRAMFRAMFRAM"), std::string(1000, '\0')}) {
    test::write_file(store.path_of(name), bytes + inserted);
    CHECK(indices(JournalReader(store.directory(), name)) == std::vector<std::uint64_t>{0, 1});
    const std::uint64_t second = bytes.find("FRAM", bytes.find("FRAM") + 1);
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
    pretended += frame_magic;
    detail::put(pretended, std::uint32_t{1});
    detail::put(pretended, std::uint64_t{std::max<std::uint64_t>((count - i) * 16, frame_header_size) -
                                         frame_header_size});
  }
  test::write_file(store.path_of(name), test::read_file(store.path_of(name)) + pretended);
  CHECK(indices(JournalReader(store.directory(), name)) == std::vector<std::uint64_t>{0});
}

TEST_CASE("A journal of another format is refused, one whose version is damaged is not") {
  Store store;
  const JournalName name = store.journal(1, 0, 5, {{{0, "a", "A"}}});
  const std::string bytes = test::read_file(store.path_of(name));
  for (const char version : {'\1', '\3'}) {
    std::string other = bytes;
    other[8] = version;
    test::write_file(store.path_of(name), other);
    const JournalReader damaged(store.directory(), name);
    CHECK(damaged.header());  // the second one
    CHECK(indices(damaged).size() == 1);

    detail::Reader size(std::string_view(other).substr(12));
    std::string preamble = other.substr(0, 16);
    const std::string_view header = std::string_view(other).substr(24, size.number<std::uint32_t>());
    detail::put(preamble, base::hash64(header, name.id ^ static_cast<std::uint64_t>(version)));
    test::put_at(store.path_of(name), 0, preamble);
    CHECK_THROWS_AS(JournalReader(store.directory(), name), MismatchError);
  }
}

TEST_CASE("Without any header the frames are read, and a header of another journal is not believed") {
  Store store;
  const JournalName other = store.journal(2, 0, 5, {{{0, "a", "A"}}});
  const JournalName name = store.journal(1, 0, 5, {{{1, "b", test::read_file(store.path_of(other))}}});
  std::string bytes = test::read_file(store.path_of(name));
  const std::size_t frames_at = bytes.find(frame_magic);
  test::write_file(store.path_of(name), std::string(frames_at, '\0') + bytes.substr(frames_at));
  std::uint64_t damaged = 0;
  const JournalReader journal(store.directory(), name);
  CHECK_FALSE(journal.header());
  CHECK(indices(journal, &damaged) == std::vector<std::uint64_t>{1});
  CHECK(damaged == frames_at);
}

TEST_CASE("Journals of one name in two directories are two journals") {
  Store first;
  Store second;
  const JournalName name = first.journal(1, 0, 5, {{{0, "a", "A"}}});
  REQUIRE(second.journal(1, 0, 5, {{{1, "b", "B"}}, {{2, "c", "C"}}}) == name);
  const auto catalog = first.catalog(5);
  catalog->add(second.directory(), name);
  catalog->settle();
  CHECK(catalog->records() == 3);
  for (const std::uint64_t index : {0U, 1U, 2U}) CHECK(catalog->slot(index).done());
}

TEST_CASE("A journal on a full disk fails, and all frames before are there", "[root]") {
  if (!test::may_as_root("a journal on a full disk")) return;
  const test::TemporaryDirectory home;
  const test::SmallDisk disk(home.path());
  const JournalName name{1, 1, 0};
  std::uint64_t written = 0;
  {
    JournalWriter writer(home.path() / name.to_string(), name.id, {test::manifest_for(1), {}});
    const std::string frame = test::frame_of({{0, "a", std::string(100'000, 'x')}}, name.id);
    CHECK_THROWS_WITH(
        [&] {
          for (;; ++written) writer.append_bytes(frame);
        }(),
        Catch::Contains("No space left"));
    CHECK_THROWS_WITH(writer.close(), Catch::Contains("No space left"));
  }
  CHECK(written > 5);
  CHECK_FALSE(JournalReader(home.path(), name).is_closed());
  CHECK(indices(JournalReader(home.path(), name)).size() == written);
}

}  // namespace
}  // namespace tasker::store
