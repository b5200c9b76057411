#include "base/hash.hpp"
#include "store/archive_writer.hpp"
#include "store/journal.hpp"
#include "support/store_fixture.hpp"

#include <tasker/detail/archive.hpp>

#include <catch2/catch.hpp>

#include <map>
#include <sstream>

/// FORMAT.md is true.
namespace tasker::store {
namespace {

/// The fenced blocks of a text, each with its kind ("hex" or "json"), in order.
std::vector<std::pair<std::string, std::string>> blocks_of(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> blocks;
  std::istringstream lines(text);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = !inside;
      if (inside) blocks.emplace_back(line.substr(3), "");
    } else if (inside) {
      blocks.back().second += line + "\n";
    }
  }
  return blocks;
}

/// Bytes of the pairs of digits at the beginning of each line, up to two spaces.
std::string from_hex_dump(const std::string& text) {
  std::string bytes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream pairs(line.substr(0, line.find("  ")));
    for (std::string pair; pairs >> pair;) bytes.push_back(static_cast<char>(std::stoi(pair, nullptr, 16)));
  }
  return bytes;
}

const auto blocks = blocks_of(test::read_file(test::source_file("src/store/FORMAT.md")));

TEST_CASE("The journal that FORMAT.md shows is decoded, and is the golden one") {
  REQUIRE(blocks.size() == 4);
  CHECK(blocks[0].first == "hex");
  CHECK(blocks[1].first == "json");
  CHECK(blocks[2].first == "hex");
  const std::string header = blocks[1].second.substr(0, blocks[1].second.size() - 1);
  const std::string header_bytes = from_hex_dump(blocks[0].second) + header;
  const std::string bytes = header_bytes + header_bytes + from_hex_dump(blocks[2].second);
  const std::string name = "000002-0123456789abcdef-0.journal";
  CHECK(bytes == test::read_file(test::source_file("tests/store/golden/directory/" + name)));

  const test::TemporaryDirectory home;
  test::write_file(home.path() / name, bytes);
  const JournalReader journal(home.path(), *JournalName::parse(name));
  REQUIRE(journal.header());
  CHECK(journal.header()->manifest.result_type == "{str:u64}");
  FrameReader frames = journal.frames();
  const auto frame = frames.next();
  REQUIRE(frame);
  CHECK(frame->info().together == 1);
  CHECK(frame->info().start == 1'700'000'000'123'456'789);
  CHECK(frame->info().duration == 7);
  CHECK(frame->info().cpu_time == 3);
  CHECK(frame->info().memory == 220 << 20);
  CHECK(frame->bytes().size() == frame_header_size + 16 + 47);
  REQUIRE(frame->records() == 1);
  const Record record = (*frame)[0];
  CHECK(record.index == 1);
  CHECK(record.outcome == Outcome::done);
  CHECK(record.binding == bound_to_count);
  CHECK(record.attempt == 3);
  CHECK(detail::decode<std::string>(record.argument) == "new text");
  CHECK(detail::decode<std::map<std::string, std::uint64_t>>(record.payload) ==
        std::map<std::string, std::uint64_t>{{"new", 1}, {"text", 1}});
  CHECK_FALSE(frames.next());
  CHECK(frames.damaged() + frames.tail() == 0);
}

TEST_CASE("The header that FORMAT.md shows is that of the golden archive") {
  REQUIRE(blocks.size() == 4);
  std::string bytes = from_hex_dump(blocks[3].second);
  CHECK(bytes == test::read_file(test::source_file("tests/store/golden/archive")).substr(0, 72));
  bytes.resize(archive_header_size);
  const auto header = ArchiveHeader::from_bytes(bytes);
  REQUIRE(header);
  CHECK(header->table_offset == 919);
  CHECK(header->description_offset == 927);
  CHECK(header->file_size == 1991);
  CHECK(header->to_bytes() == bytes);
}

TEST_CASE("Fingerprints are what they were when the first file was written") {
  detail::MapCall call;
  call.options.version = "1.0";
  call.options.inputs = {1, 2};
  call.options.seed = 3;
  call.argument_type = "f64";
  call.result_type = "str";
  const Fingerprinter fingerprint(call);
  std::string argument;
  detail::encode(argument, 2.5);
  CHECK(base::to_hex(fingerprint.digest()) == "9146213f98274c69eff1cd58cfb692dc");
  CHECK(base::to_hex(fingerprint(argument)) == "c13726c71ca07db8c9f77914ed48b080");

  // As FORMAT.md says it.
  const auto str = [](const std::string& text) {
    return std::string(1, static_cast<char>(text.size())) + std::string(7, '\0') + text;
  };
  const auto u64 = [](char value) { return std::string(1, value) + std::string(7, '\0'); };
  const Digest declared = base::hash128(str("1.0") + str("f64") + str("str") + u64(1) + u64(2) + u64(3));
  CHECK(fingerprint.digest() == declared);
  Digest expected = base::hash128(argument, declared.low);
  expected.high ^= declared.high;
  CHECK(fingerprint(argument) == expected);
}

TEST_CASE("Everything that is declared changes every fingerprint") {
  detail::MapCall call;
  call.argument_type = "str";
  call.result_type = "str";
  std::vector<Fingerprint> all = {Fingerprinter(call)("x"), Fingerprinter(call)("y")};
  const auto changed = [&](auto change) {
    detail::MapCall other = call;
    change(other);
    all.push_back(Fingerprinter(other)("x"));
  };
  changed([](auto& c) { c.options.version = "2"; });
  changed([](auto& c) { c.options.seed = 1; });
  changed([](auto& c) { c.options.inputs = {1, 0}; });
  changed([](auto& c) { c.options.inputs = {0, 1}; });
  changed([](auto& c) { c.argument_type = "path"; });
  changed([](auto& c) { c.result_type = "path"; });
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) CHECK(all[i] != all[k]);
  // What does not decide about a result does not: names, and where the archive lies.
  detail::MapCall same = call;
  same.options.columns = {"name"};
  same.options.keep_arguments = false;
  same.path = "elsewhere";
  CHECK(Fingerprinter(same)("x") == all[0]);
}

}  // namespace
}  // namespace tasker::store
