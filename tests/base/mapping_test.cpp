#include "base/mapping.hpp"

#include "support/store_fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace tasker::base {
namespace {

using test::TemporaryDirectory;

TEST_CASE("A mapping shows a file's bytes, none for an empty one") {
  const TemporaryDirectory home;
  test::write_file(home.path() / "file", "content");
  test::write_file(home.path() / "empty", "");
  Mapping mapping(home.path() / "file");
  CHECK(mapping.bytes() == "content");
  const Mapping moved = std::move(mapping);
  CHECK(moved.bytes() == "content");
  CHECK(Mapping(home.path() / "empty").bytes().empty());
}

std::size_t mappings_of(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  std::size_t found = 0;
  for (std::string line; std::getline(maps, line);) found += line.ends_with(path) ? 1 : 0;
  return found;
}

TEST_CASE("A process has as many files as it likes, though it may have only so many mappings") {
  const TemporaryDirectory home;
  const std::string path = home.path() / "file";
  test::write_file(path, "content");
  std::vector<Mapping> mappings;
  for (std::size_t i = 0; i < Mapping::most + 100; ++i) mappings.emplace_back(path);
  const auto right = [](const Mapping& mapping) { return mapping.bytes() == "content"; };
  CHECK(std::all_of(mappings.begin(), mappings.end(), right));
  CHECK(mappings_of(path) <= Mapping::most);
  mappings.clear();
  CHECK(mappings_of(path) == 0);
  mappings.emplace_back(path);
  CHECK(mappings_of(path) == 1);
}

}  // namespace
}  // namespace tasker::base
