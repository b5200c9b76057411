#include "execute/failure.hpp"
#include "execute/slots/output_pipes.hpp"
#include "store/record.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <string>

namespace tasker::execute::slots {
namespace {

constexpr std::size_t half = 32768;

std::string letters(std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) text.push_back(static_cast<char>('a' + i % 23));
  return text;
}

TEST_CASE(
    "A kept text is whole up to its limit, and has its begin and end beyond, in whatever pieces it came") {
  const auto size = GENERATE(as<std::size_t>(), 0, 1, half - 1, half, half + 1, 2 * half - 1, 2 * half,
                             2 * half + 1, 3 * half, 3 * half + 5, 10 * half - 1, 1'000'003);
  const auto piece = GENERATE(as<std::size_t>(), 1000, half, half + 1, 5 * half);
  const auto text = std::make_unique<KeptText>();
  for (std::size_t at = 0; at < size; at += piece) text->append(letters(at, std::min(size, at + piece)));
  std::string expected = letters(0, size);
  if (size > 2 * half)
    expected = letters(0, half) + "\n[tasker: " + std::to_string(size - 2 * half) + " bytes left out]\n" +
               letters(size - half, size);
  CHECK((text->text() == expected));
  text->clear();
  CHECK(text->text().empty());
  text->append("again");
  CHECK(text->text() == "again");
}

std::string last(const std::string& out, const std::string& err) {
  return last_lines(store::encode_output({out, err}));
}

TEST_CASE("The last lines are those of stderr, or else of stdout") {
  CHECK(last("", "") == "");
  CHECK(last("out\n", "") == "out");
  CHECK(last("out", "err\n\nmore\n") == "err\nmore");
  CHECK(last_lines("\xff") == "");
}

TEST_CASE("The last lines are few and short, and don't command a terminal") {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "line " + std::to_string(i) + "\n";
  CHECK(last(many, "").starts_with("line 90\n"));
  CHECK(last(many, "").ends_with("\nline 99"));
  CHECK(last("\x1b[2Jgone\a\t\x7f", "") == R"(\x1b[2Jgone\x07)"
                                           "\t"
                                           R"(\x7f)");
  CHECK(last("10 %\r20 %\r\n", "") == "10 %\n20 %");
  std::string accents;
  for (int i = 0; i < 3000; ++i) accents += "ä";
  for (const std::string& text : {accents, "x" + accents, accents + "\nlast", accents + "\n" + accents}) {
    const std::string lines = last(text, "");
    CHECK(lines.size() <= 2048);
    CHECK(lines.size() > 2000);
    CHECK(lines.starts_with("…ä"));
  }
  CHECK(last(accents + "\nlast", "").ends_with("ä\nlast"));
}

}  // namespace
}  // namespace tasker::execute::slots
