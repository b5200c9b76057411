#include "store/frame_builder.hpp"
#include "support/store_fixture.hpp"

#include <tasker/detail/bytes.hpp>

#include <catch2/catch.hpp>

namespace tasker::store {
namespace {

using test::Kept;

/// Bytes of a frame besides its header and the values of its records.
std::uint64_t bytes_of_columns(const std::vector<Kept>& records) {
  std::uint64_t values = 0;
  for (const Kept& kept : records) values += kept.argument.size() + kept.payload.size() + kept.output.size();
  return test::frame_of(records).size() - frame_header_size - values;
}

void check_read_back(const std::vector<Kept>& records) {
  const std::string bytes = test::frame_of(records, 5);
  const std::string followed = bytes + "more";
  const auto frame = Frame::at(followed);
  REQUIRE(frame);
  CHECK(frame->bytes() == bytes);
  CHECK(frame->is_whole(5));
  CHECK_FALSE(frame->is_whole(6));
  REQUIRE(frame->records() == records.size());
  for (std::uint32_t i = 0; i < records.size(); ++i) {
    INFO("record " << i);
    const Record record = (*frame)[i];
    CHECK(record.index == records[i].index);
    CHECK(record.outcome == records[i].outcome);
    CHECK(record.binding == records[i].binding);
    CHECK(record.attempt == records[i].attempt);
    CHECK(record.argument == records[i].argument);
    CHECK(record.payload == records[i].payload);
    CHECK(record.output == records[i].output);
  }
}

TEST_CASE("What is the same for all records of a frame takes no bytes") {
  std::vector<Kept> records;
  for (std::uint64_t i = 0; i < 1000; ++i) records.push_back({7 + i, "argument", "result"});
  CHECK(bytes_of_columns(records) == 0);
  check_read_back(records);
  records.resize(1);
  CHECK(bytes_of_columns(records) == 0);
  check_read_back(records);
  check_read_back({{UINT64_MAX, "", "", Outcome::failed, bound_to_index | bound_to_count, 3}});
}

TEST_CASE("What differs between the records of a frame is one column, wherever it begins to differ") {
  const Kept usual{0, "argument", "result", Outcome::done, bound_to_index, 2, "said"};
  struct Difference {
    std::uint64_t bytes;  // of a record
    std::function<void(Kept&)> make;
  };
  const std::vector<Difference> differences = {{8, [](Kept& kept) { kept.index = 99; }},
                                               {8, [](Kept& kept) { kept.argument += "s"; }},
                                               {8, [](Kept& kept) { kept.argument.clear(); }},
                                               {8, [](Kept& kept) { kept.payload = "other size"; }},
                                               {2, [](Kept& kept) { kept.attempt = 3; }},
                                               {1, [](Kept& kept) { kept.outcome = Outcome::failed; }},
                                               {1, [](Kept& kept) { kept.binding = bound_to_count; }},
                                               {0, [](Kept& kept) { kept.output = "much more"; }}};
  for (std::size_t which = 0; which < differences.size(); ++which)
    for (std::size_t place = 0; place < 5; ++place) {
      INFO("difference " << which << " at " << place);
      std::vector<Kept> records;
      for (std::uint64_t i = 0; i < 5; ++i) {
        records.push_back(usual);
        records.back().index = i;
      }
      differences[which].make(records[place]);
      // 8 bytes for the end of each output.
      CHECK(bytes_of_columns(records) == 5 * (8 + differences[which].bytes));
      check_read_back(records);
    }
}

TEST_CASE("Records are identified by their arguments while these are short, and by fingerprints else") {
  const auto has_fingerprints = [](const std::string& argument, const std::string& other) {
    const std::string bytes = test::frame_of({{0, argument, "r"}, {1, other, "r"}});
    const auto frame = Frame::at(bytes);
    const auto first = (*frame)[0].fingerprint;
    const auto second = (*frame)[1].fingerprint;
    CHECK(first.has_value() == second.has_value());
    if (first) {
      CHECK(*first == test::fingerprint_of(argument));
      CHECK(*second == test::fingerprint_of(other));
    }
    return first.has_value();
  };
  CHECK_FALSE(has_fingerprints("short", "short"));
  CHECK_FALSE(has_fingerprints(std::string(64, 'x'), std::string(64, 'y')));
  CHECK(has_fingerprints(std::string(64, 'x'), std::string(65, 'y')));
  CHECK(has_fingerprints(std::string(1000, 'x'), ""));
  CHECK_FALSE(has_fingerprints(std::string(128, 'x'), ""));
}

TEST_CASE(
    "A frame with any number of its header changed is read, or found to make no sense, but never beyond its "
    "end") {
  const std::vector<Kept> records = {{3, "argument", "result", Outcome::done, 0, 1, "said"},
                                     {1, "longer argument", "longer result", Outcome::failed, 0, 2}};
  const std::string whole = test::frame_of(records);
  std::uint64_t sense = 0;
  for (std::size_t at = 4; at < whole.size(); ++at)
    for (const char byte : {'\0', '\1', '\x7f', '\x80', '\xff'}) {
      const auto bytes = std::make_unique<std::string>(whole);
      (*bytes)[at] = byte;
      bytes->shrink_to_fit();  // so that a sanitizer sees what is read behind them
      const auto frame = Frame::at(*bytes);
      if (!frame || !frame->makes_sense()) continue;
      ++sense;
      for (std::uint32_t i = 0; i < frame->records(); ++i) {
        const Record record = (*frame)[i];
        CHECK(record.argument.size() + record.payload.size() + record.output.size() <= whole.size());
      }
    }
  CHECK(sense > 0);
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(Frame::at(whole.substr(0, size)));
}

TEST_CASE("A frame claims no more records than there may be") {
  std::string bytes = test::frame_of({{0, "", ""}});
  std::string records;
  detail::put(records, most_records);
  bytes.replace(4, 4, records);
  CHECK(Frame::at(bytes)->makes_sense());
  records.clear();
  detail::put(records, most_records + 1);
  CHECK_FALSE(Frame::at(bytes.replace(4, 4, records)));
}

}  // namespace
}  // namespace tasker::store
